"""`onecdp identity report`: sizes, shared values, refused links and bridges of the ID map."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb

from onecdp.errors import OnecdpError
from onecdp.identity.report.candidates import find_candidates
from onecdp.identity.report.cap import cut_by_cap
from onecdp.warehouse.files import connect
from onecdp.warehouse.query import Rows, fetch_rows
from onecdp.warehouse.sql_text import one_line

SHOWN = 10
# A person with two identifiers always has a single link; reporting it would be noise.
SMALLEST_BRIDGED = 3

_SIZES = """
with sizes as (
    select one_id, count(*) as size from marts.id_map where is_active group by one_id
)
select
    case
        when size <= 2 then cast(size as varchar)
        when size <= 5 then '3-5'
        when size <= 10 then '6-10'
        when size <= 100 then '11-100'
        when size <= 1000 then '101-1000'
        else 'over 1000'
    end as size,
    count(*) as people,
    cast(sum(sizes.size) as bigint) as identifiers
from sizes
group by all
order by min(sizes.size)
"""
_LARGEST = f"""
with counts as (
    select id_map.one_id, id_map.id_type, types.priority, count(*) as type_count
    from marts.id_map as id_map
    inner join seeds.id_types as types on id_map.id_type = types.id_type
    where id_map.is_active
    group by all
)
select
    one_id,
    cast(sum(type_count) as bigint) as size,
    string_agg(id_type || ' ' || type_count, ', ' order by priority) as types
from counts
group by one_id
order by size desc, one_id
limit {SHOWN}
"""
_SHARED = f"""
select id_type, id_value, hub_count
from intermediate.int_identity__shared_values
order by hub_count desc, id_type, id_value
limit {SHOWN}
"""
_REJECTIONS = """
select constraint_name, constrained_id_type, count(*) as links
from marts.id_link_rejections
group by all
order by all
"""
_REVIEWS = "select count(*) as n from marts.id_link_reviews where not is_one_person"
# Links that merge, one row per pair; parallel links come from several channels.
_LINKS = """
select
    links.left_node_id,
    links.right_node_id,
    count(*) as link_count,
    max(links.confidence) as confidence
from intermediate.int_identity__links as links
inner join intermediate.int_identity__clusters as left_cluster
    on links.left_node_id = left_cluster.node_id
inner join intermediate.int_identity__clusters as right_cluster
    on links.right_node_id = right_cluster.node_id
where
    links.link_status = 'merging'
    and left_cluster.cluster_id = right_cluster.cluster_id
group by links.left_node_id, links.right_node_id
"""
_WEAKEST = """
select
    left_map.one_id,
    left_node.id_type as left_id_type,
    left_node.id_value as left_id_value,
    right_node.id_type as right_id_type,
    right_node.id_value as right_id_value,
    weakest.confidence,
    weakest.left_size,
    weakest.right_size
from weakest
inner join intermediate.int_identity__nodes as left_node on weakest.left_node_id = left_node.node_id
inner join intermediate.int_identity__nodes as right_node
    on weakest.right_node_id = right_node.node_id
inner join marts.id_map as left_map
    on left_node.id_type = left_map.id_type and left_node.id_value = left_map.id_value
order by weakest.rank
"""


@dataclass(frozen=True)
class BridgeReport:
    """Links whose loss would split a person with three or more identifiers.

    Attributes:
        links: Number of merging links; parallel ones count once.
        bridges: Number of bridges among them.
        cutting: Number of bridges with two or more identifiers on each side.
        weakest: The ten bridges with the lowest confidence; ties: the most even split first.
    """

    links: int
    bridges: int
    cutting: int
    weakest: Rows


@dataclass(frozen=True)
class Report:
    """The ID map as a whole.

    Attributes:
        people: Number of one_ids with an active identifier.
        identifiers: Number of active identifiers.
        sizes: People by number of identifiers.
        largest: The ten people with the most identifiers.
        shared_values: Number of shared values, whose links never merge.
        most_shared: The ten with the most hubs.
        rejections: Refused links by constraint and type.
        at_cap: People whose cluster the size cap cut, each as large as without the cap.
        bridges: Links whose loss would split a person.
        blocklist_candidates: What may belong on the blocklist (`candidates.find_candidates`).
        reviews: Probabilistic links to review (marts.id_link_reviews).
    """

    people: int
    identifiers: int
    sizes: Rows
    largest: Rows
    shared_values: int
    most_shared: Rows
    rejections: Rows
    at_cap: Rows
    bridges: BridgeReport
    blocklist_candidates: Rows
    reviews: int

    def document(self) -> dict[str, Any]:
        """Returns the JSON document."""
        return asdict(self)


def report(file: Path) -> Report:
    """Reports on the ID map of a private build file.

    Raises:
        OnecdpError: The file is missing, locked by a build, or has no ID map yet.
    """
    if not file.is_file():
        raise OnecdpError(f"{file} isn't there yet; run `onecdp run` first")
    with connect(file, read_only=True) as connection:
        try:
            sizes = fetch_rows(connection, _SIZES)
            return Report(
                people=sum(row["people"] for row in sizes),
                identifiers=sum(row["identifiers"] for row in sizes),
                sizes=sizes,
                largest=fetch_rows(connection, _LARGEST),
                shared_values=fetch_rows(
                    connection,
                    "select count(*) as n from intermediate.int_identity__shared_values",
                )[0]["n"],
                most_shared=fetch_rows(connection, _SHARED),
                rejections=fetch_rows(connection, _REJECTIONS),
                at_cap=cut_by_cap(connection),
                bridges=_bridges(connection),
                blocklist_candidates=find_candidates(connection, SHOWN),
                reviews=fetch_rows(connection, _REVIEWS)[0]["n"],
            )
        except duckdb.CatalogException as error:
            raise OnecdpError(
                f"{file} has no ID map to report on; run `onecdp build` first"
            ) from error
        except duckdb.BinderException as error:
            raise OnecdpError(
                f"{file} has another ID map than the report needs; run `onecdp build` first"
                f" ({one_line(str(error))})"
            ) from error


def _bridges(connection: duckdb.DuckDBPyConnection) -> BridgeReport:
    # Imported here: numba takes half a second to import, and a run only counts the IDs.
    import numpy as np
    import pyarrow as pa

    from onecdp.identity.report.bridges import find_bridges

    links = connection.execute(_LINKS).fetchnumpy()
    left, right = links["left_node_id"], links["right_node_id"]
    found = find_bridges(left, right, links["link_count"])
    is_large = found.left_sizes + found.right_sizes >= SMALLEST_BRIDGED
    positions = found.positions[is_large]
    sizes = np.stack([found.left_sizes[is_large], found.right_sizes[is_large]])
    smaller = sizes.min(axis=0)
    confidence = links["confidence"][positions]
    # Ties: the most even split first, then node ids as a tie-break.
    chosen = np.lexsort((right[positions], left[positions], -smaller, confidence))[:SHOWN]
    connection.register(
        "weakest",
        pa.table(
            {
                "rank": np.arange(len(chosen)),
                "left_node_id": left[positions][chosen],
                "right_node_id": right[positions][chosen],
                "confidence": confidence[chosen],
                "left_size": sizes[0][chosen],
                "right_size": sizes[1][chosen],
            }
        ),
    )
    return BridgeReport(
        links=len(left),
        bridges=len(positions),
        cutting=int((smaller > 1).sum()),
        weakest=fetch_rows(connection, _WEAKEST),
    )
