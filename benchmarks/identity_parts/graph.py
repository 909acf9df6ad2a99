"""The product's graph and constraints, with input and output code of this benchmark.

Shows the speed of the kernel alone: in the product, `resolve` reads stored edges, and the models
write more than a map (history, one_ids, confidences).
"""

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from identity_parts.sql import hashed_edges
from onecdp.compiled import compiled
from onecdp.errors import OnecdpError
from onecdp.identity.resolution.division import divide
from onecdp.identity.resolution.graph import Components, Ints, Numbers
from onecdp.identity.resolution.resolve import batches
from onecdp.identity.resolution.settings import Limit, Settings

NO_RULES = Settings(limits=(), cannot_links=(), max_cluster_size=1 << 40)
RULES = Settings(
    limits=(Limit(1, 1, None), Limit(2, 3, None)), cannot_links=(), max_cluster_size=1000
)
FULL_RUN_AT = "2026-06-06"
_UNSEEN = -1
_EDGE = ["left_node_id", "right_node_id", "left_priority", "right_priority"]
# Nodes per statement, in whole row groups: more would not fit the cache in a join; fewer would
# leave half-filled row groups, which a checkpoint rewrites.
_PIECE = 24 * 122_880


def graph_alone(connection: duckdb.DuckDBPyConnection) -> None:
    """From links to the map, like the other methods."""
    edges = connection.sql(hashed_edges("links", FULL_RUN_AT, "rowid as link,"))
    nodes = _read(edges)
    _, clusters = divide(connection, nodes.graph, edges, NO_RULES)
    first_places = nodes.first_places
    del nodes
    _write_map(connection, first_places, {"cluster_id": clusters})


def graph_with_rules(connection: duckdb.DuckDBPyConnection) -> None:
    """With limits and a maximum size; stores edges and components for later batches."""
    connection.execute(f"create table out.edges as {hashed_edges('links', FULL_RUN_AT)}")
    edges = connection.sql("select rowid as link, * from out.edges")
    nodes = _read(edges)
    components, clusters = divide(connection, nodes.graph, edges, RULES)
    columns: dict[str, npt.NDArray[Any]] = {
        "node_id": nodes.graph.ids,
        "check_value": nodes.checks,
        "component_id": components,
        "cluster_id": clusters,
    }
    first_places = nodes.first_places
    del nodes
    _write_map(
        connection,
        first_places,
        columns,
        {
            "resolved_through_at": f"timestamp '{FULL_RUN_AT}'",
            "settings_fingerprint": f"{RULES.fingerprint}::bigint",
        },
    )


class _Nodes:
    """The graph, and where each node occurs first in the links.

    Attributes:
        graph: the graph.
        first_places: per node, twice the number of the link, plus one for its right end.
        checks: per node, a second hash, to detect collisions.
    """

    def __init__(self, expected_nodes: int) -> None:
        self.graph = Components(expected_nodes)
        self.first_places = np.empty(expected_nodes, dtype=np.int64)
        self.checks = np.full(expected_nodes, _UNSEEN, dtype=np.int32)

    def add(self, batch: pa.RecordBatch) -> None:
        """Adds edges; raises on a hash collision."""
        columns = {name: batch[name].to_numpy() for name in batch.schema.names}
        ends = self.graph.add(*(columns[name] for name in _EDGE))
        if self.graph.node_count > len(self.checks):
            self.checks = np.pad(self.checks, (0, self.graph.node_count), constant_values=_UNSEEN)
            self.first_places = np.pad(self.first_places, (0, self.graph.node_count))
        for side, numbers in enumerate(ends):
            mixed = _note_first(
                numbers,
                columns["link"],
                side,
                columns[("left_check", "right_check")[side]],
                self.first_places,
                self.checks,
            )
            if mixed != _UNSEEN:
                raise OnecdpError(
                    f"two identifiers have the node_id {self.graph.ids[mixed]}: "
                    "give node_id() another hash and rebuild"
                )


@compiled
def _note_first(
    numbers: Numbers, links: Ints, side: int, given: Numbers, first_places: Ints, checks: Numbers
) -> int:
    for row in range(len(numbers)):
        number = numbers[row]
        if checks[number] == _UNSEEN:
            checks[number] = given[row]
            first_places[number] = 2 * links[row] + side
        elif checks[number] != given[row]:
            return int(number)
    return _UNSEEN


def _read(edges: duckdb.DuckDBPyRelation) -> _Nodes:
    nodes = _Nodes(int(1.1 * len(edges)))
    for batch in batches(edges.project(", ".join(["link", *_EDGE, "left_check", "right_check"]))):
        nodes.add(batch)
    return nodes


def _write_map(
    connection: duckdb.DuckDBPyConnection,
    first_places: Ints,
    columns: dict[str, npt.NDArray[Any]],
    constants: dict[str, str] | None = None,
) -> None:
    """Writes the map in pieces, whose joins fit into the cache."""
    given = [*columns, *(f"{value} as {name}" for name, value in (constants or {}).items())]
    ends = [
        f"""
        select {side}_id_type as id_type, {side}_id_value as id_value, {", ".join(given)}
        from links inner join {side}_firsts on links.rowid = {side}_firsts.link
        """
        for side in ("left", "right")
    ]
    count = len(next(iter(columns.values())))
    for start in range(0, count, _PIECE):
        piece = slice(start, min(start + _PIECE, count))
        links, sides = np.divmod(first_places[piece], 2)
        for number, side in enumerate(("left", "right")):
            chosen = sides == number
            named = {name: values[piece][chosen] for name, values in columns.items()}
            connection.register(f"{side}_firsts", pa.table({"link": links[chosen], **named}))
        within = f"where links.rowid between {links.min()} and {links.max()}"
        query = " union all ".join(f"{end} {within}" for end in ends)
        if start == 0:
            connection.execute(f"begin; create table out.map as {query}")
        else:
            connection.execute(f"insert into out.map {query}")
    connection.execute("commit")
