"""People whose cluster the size cap divided."""

from __future__ import annotations

import duckdb

from onecdp.warehouse.query import Rows, fetch_rows

_PIECES = """
with refused as (
    select distinct left_one_id, right_one_id
    from marts.id_link_rejections
    where constraint_name = 'cluster_size'
),
sizes as (
    select one_id, any_value(one_int) as one_int, count(*) filter (where is_active) as size
    from marts.id_map
    where one_id in (select unnest([left_one_id, right_one_id]) from refused)
    group by one_id
)
select
    left_one_id,
    right_one_id,
    left_size.one_int as left_one_int,
    left_size.size as left_size,
    right_size.one_int as right_one_int,
    right_size.size as right_size
from refused
inner join sizes as left_size on refused.left_one_id = left_size.one_id
inner join sizes as right_size on refused.right_one_id = right_size.one_id
order by left_one_id, right_one_id
"""


def cut_by_cap(connection: duckdb.DuckDBPyConnection) -> Rows:
    """Returns a row per person that the cap cut into pieces, as large as without the cap.

    Columns: one_id (the oldest piece), size (identifiers of all pieces), pieces, cap; the largest
    first.
    """
    ((cap,),) = connection.execute("select max_cluster_size from identity_limits()").fetchall()
    piece_of: dict[str, str] = {}
    facts: dict[str, tuple[int, int]] = {}

    def find(one_id: str) -> str:
        piece_of.setdefault(one_id, one_id)
        while piece_of[one_id] != one_id:
            piece_of[one_id] = piece_of[piece_of[one_id]]
            one_id = piece_of[one_id]
        return one_id

    for row in fetch_rows(connection, _PIECES):
        for side in ("left", "right"):
            facts[row[f"{side}_one_id"]] = row[f"{side}_one_int"], row[f"{side}_size"]
        piece_of[find(row["left_one_id"])] = find(row["right_one_id"])
    people: dict[str, list[str]] = {}
    for one_id in facts:
        people.setdefault(find(one_id), []).append(one_id)
    rows = [
        {
            "one_id": min(pieces, key=lambda one_id: facts[one_id][0]),
            "size": sum(facts[one_id][1] for one_id in pieces),
            "pieces": len(pieces),
            "cap": cap,
        }
        for pieces in people.values()
    ]
    return sorted(rows, key=lambda row: (-row["size"], row["one_id"]))
