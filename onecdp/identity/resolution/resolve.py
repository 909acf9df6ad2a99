"""Who is the same person: components of the identity graph, cut where a rule would break.

Edges whose both ends are in one connected component make one person, unless the component holds
more values of a type than one person may (limits), two identifiers that were told apart
(cannot-links), or more nodes than the cap. Only such a component is replayed: its edges are taken
by strength, and an edge that would break a rule is refused. Every rule looks at one component, so
resolving the components that changed gives what resolving all would.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa

from onecdp.identity.resolution.division import Settings, divide
from onecdp.identity.resolution.graph import Components, Ints

CLUSTER_COLUMNS = (
    ("node_id", pa.int64()),
    ("component_id", pa.int64()),
    ("cluster_id", pa.int64()),
    ("resolved_through_at", pa.timestamp("us")),
    ("settings_fingerprint", pa.int64()),
)
_EDGE_COLUMNS = (
    "left_node_id, right_node_id, left_priority, right_priority, method_rank, confidence, "
    "first_seen, last_seen"
)
_BATCH_ROWS = 1_000_000


def resolve(
    connection: duckdb.DuckDBPyConnection,
    edges: duckdb.DuckDBPyRelation,
    settings: Settings,
    previous: duckdb.DuckDBPyRelation | None = None,
) -> pa.Table:
    """Gives every node of the components that changed its component and its cluster.

    Args:
        connection: where `edges` and `previous` are.
        edges: columns left_node_id, right_node_id (bigint, 0 or more), left_priority,
            right_priority, method_rank (smallint; 0 is manual), confidence (double), first_seen,
            last_seen, changed_at (timestamp), is_present (boolean). Any order. A row that ceases
            to be an edge stays, with is_present = false and a new changed_at.
        settings: the rules.
        previous: the stored result of earlier calls, with the columns that are returned; None to
            resolve everything. Else the edges of the components that changed are held in memory,
            some 50 bytes each.

    Returns:
        Rows in no order: node_id, component_id (smallest node id of its connected component),
        cluster_id (smallest node id of its cluster, int64), resolved_through_at (timestamp; the
        newest changed_at of all edges), settings_fingerprint (int64). They replace the stored rows
        of the same nodes. All nodes of `edges` and `previous` if there is no previous result or it
        was made by other rules; else those of the components that an edge has changed since.
        A node that has lost its last edge is a component of its own.

    Raises:
        ValueError: a node id is negative, or a type has two limits.
    """
    if len({limit.priority for limit in settings.limits}) < len(settings.limits):
        raise ValueError(f"a type has two limits: {settings.limits}")
    edges = edges.set_alias("edges")
    resolved_through_at = _one(edges.aggregate("max(changed_at)"))
    standing = edges.filter("is_present")
    since = None if previous is None else _resolved_since(previous, settings.fingerprint)
    if previous is None or since is None:
        nodes = _ends(edges.filter("not is_present"))
        if previous is not None:
            nodes = nodes.union(previous.project("node_id"))
        others = batches(nodes)
        graph = Components(_one(standing.aggregate("count(*)")))
    else:
        # Read once each: they are few, and asked for again below.
        dirty = _dirty_nodes(edges, previous, since).to_arrow_table()
        standing = connection.from_arrow(
            standing.join(
                connection.from_arrow(dirty).set_alias("dirty"),
                "edges.left_node_id = dirty.node_id",
                how="semi",
            )
            .project(_EDGE_COLUMNS)
            .to_arrow_table()
        )
        others = iter(dirty.to_batches())
        graph = Components(dirty.num_rows)

    for batch in batches(
        standing.project("left_node_id, right_node_id, left_priority, right_priority")
    ):
        graph.add(*(batch[column].to_numpy() for column in batch.schema.names))
    for batch in others:
        graph.add_nodes(batch["node_id"].to_numpy())
    components, clusters = divide(connection, graph, standing, settings)
    return _as_table(graph.ids, components, clusters, resolved_through_at, settings.fingerprint)


def _resolved_since(previous: duckdb.DuckDBPyRelation, fingerprint: int) -> datetime | None:
    """Up to when the stored result is right; None if all of it must be made anew."""
    is_other = f"settings_fingerprint is distinct from {fingerprint}"
    if previous.filter(is_other).limit(1).fetchone():
        return None
    newest: datetime | None = _one(previous.aggregate("max(resolved_through_at)"))
    return newest


def _one(relation: duckdb.DuckDBPyRelation) -> Any:
    row = relation.fetchone()
    assert row
    return row[0]


def _ends(edges: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    left = edges.project("left_node_id as node_id")
    return left.union(edges.project("right_node_id as node_id"))


def _dirty_nodes(
    edges: duckdb.DuckDBPyRelation, previous: duckdb.DuckDBPyRelation, since: datetime
) -> duckdb.DuckDBPyRelation:
    """The ends of the edges that changed, and all nodes of the components they were in."""
    ends = _ends(edges.filter(f"changed_at > timestamp '{since.isoformat(sep=' ')}'"))
    stored = previous.set_alias("stored")
    touched = stored.join(
        ends.set_alias("ends"), "stored.node_id = ends.node_id", how="semi"
    ).project("component_id")
    whole = stored.join(
        touched.set_alias("touched"), "stored.component_id = touched.component_id", how="semi"
    )
    return whole.project("node_id").union(ends).distinct()


def batches(relation: duckdb.DuckDBPyRelation) -> Iterator[pa.RecordBatch]:
    """Gives the rows in their order; the next batch is fetched while one is worked on."""
    reader = iter(relation.to_arrow_reader(_BATCH_ROWS))
    with ThreadPoolExecutor(max_workers=1) as ahead:
        coming = ahead.submit(next, reader, None)
        while (batch := coming.result()) is not None:
            coming = ahead.submit(next, reader, None)
            yield batch


def _as_table(
    node_id: Ints,
    component_id: Ints,
    cluster_id: Ints,
    resolved_through_at: object,
    fingerprint: int,
) -> pa.Table:
    rows = len(node_id)
    columns = [node_id, component_id, cluster_id]
    constants = [
        _repeated(pa.scalar(value, kind), rows)
        for value, (_, kind) in zip(
            (resolved_through_at, fingerprint), CLUSTER_COLUMNS[3:], strict=True
        )
    ]
    return pa.table([*columns, *constants], schema=pa.schema(CLUSTER_COLUMNS))


def _repeated(value: pa.Scalar, rows: int) -> pa.ChunkedArray:
    """A column of one value, whose chunks share their memory."""
    chunk = pa.repeat(value, min(rows, _BATCH_ROWS))
    whole, rest = divmod(rows, _BATCH_ROWS)
    return pa.chunked_array([chunk] * whole + [chunk.slice(0, rest)], type=value.type)
