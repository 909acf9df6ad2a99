"""Resolves edges into clusters: connected components, divided where they break a constraint.

A connected component is one cluster unless it breaks a constraint: more values of a type than a
limit allows, both ends of a cannot-link, or more nodes than the maximum. The edges of such a
component are replayed, strongest first, and an edge that would break a constraint is refused. Each
constraint concerns one component, so resolving the changed components equals resolving all.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa

from onecdp.identity.resolution.division import divide
from onecdp.identity.resolution.graph import Components, Ints
from onecdp.identity.resolution.settings import Settings

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
    """Returns the component and the cluster of every node whose component changed.

    Args:
        connection: the connection of `edges` and `previous`.
        edges: columns left_node_id, right_node_id (bigint, 0 or more), left_priority,
            right_priority, method_rank (smallint; 0 is manual), confidence (double), first_seen,
            last_seen, changed_at (timestamp), is_present (boolean). Any order. Removed edges are
            soft-deleted: is_present is false and changed_at the time of the removal.
        settings: the constraints.
        previous: the stored result of earlier calls, with the columns that are returned; None to
            resolve everything. Otherwise the edges of the changed components are held in memory,
            about 50 bytes each.

    Returns:
        Rows in no order: node_id, component_id (smallest node id of its connected component),
        cluster_id (smallest node id of its cluster, int64), resolved_through_at (timestamp; the
        newest changed_at of all edges), settings_fingerprint (int64). They replace the stored rows
        of the same nodes. Without a previous result, if its settings were different, or if no edge
        is as old, all nodes of `edges` and `previous` are returned; otherwise those of the
        components with an edge that changed since. A node without edges is a component of its own.

    Raises:
        ValueError: a node id is negative, or a type has two limits.
    """
    if len({limit.priority for limit in settings.limits}) < len(settings.limits):
        raise ValueError(f"a type has two limits: {settings.limits}")
    edges = edges.set_alias("edges")
    resolved_through_at = _one(edges.aggregate("max(changed_at)"))
    present = edges.filter("is_present")
    since = None if previous is None else _resolved_since(previous, settings.fingerprint)
    if since is not None and not _has_edges_until(edges, since):
        # They were rebuilt alone, which does not tell which were there before.
        since = None
    if previous is None or since is None:
        nodes = _ends(edges.filter("not is_present"))
        if previous is not None:
            nodes = nodes.union(previous.project("node_id"))
        unlinked = batches(nodes)
        graph = Components(_one(present.aggregate("count(*)")))
    else:
        # Materialized, because both are read more than once.
        dirty = _dirty_nodes(edges, previous, since).to_arrow_table()
        present = connection.from_arrow(
            present.join(
                connection.from_arrow(dirty).set_alias("dirty"),
                "edges.left_node_id = dirty.node_id",
                how="semi",
            )
            .project(_EDGE_COLUMNS)
            .to_arrow_table()
        )
        unlinked = iter(dirty.to_batches())
        graph = Components(dirty.num_rows)

    for batch in batches(
        present.project("left_node_id, right_node_id, left_priority, right_priority")
    ):
        graph.add(*(batch[column].to_numpy() for column in batch.schema.names))
    for batch in unlinked:
        graph.add_nodes(batch["node_id"].to_numpy())
    components, clusters = divide(connection, graph, present, settings)
    return _as_table(graph.ids, components, clusters, resolved_through_at, settings.fingerprint)


def _resolved_since(previous: duckdb.DuckDBPyRelation, fingerprint: int) -> datetime | None:
    """Returns the watermark of the stored result; None if everything must be resolved again."""
    is_outdated = f"settings_fingerprint is distinct from {fingerprint}"
    if previous.filter(is_outdated).limit(1).fetchone():
        return None
    newest: datetime | None = _one(previous.aggregate("max(resolved_through_at)"))
    return newest


def _has_edges_until(edges: duckdb.DuckDBPyRelation, since: datetime) -> bool:
    return bool(_one(edges.aggregate(f"min(changed_at) <= {_literal(since)}")))


def _literal(time: datetime) -> str:
    return f"timestamp '{time.isoformat(sep=' ')}'"


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
    """Returns the ends of the changed edges and all nodes of the components they were in."""
    ends = _ends(edges.filter(f"changed_at > {_literal(since)}"))
    stored = previous.set_alias("stored")
    touched = stored.join(
        ends.set_alias("ends"), "stored.node_id = ends.node_id", how="semi"
    ).project("component_id")
    whole = stored.join(
        touched.set_alias("touched"), "stored.component_id = touched.component_id", how="semi"
    )
    return whole.project("node_id").union(ends).distinct()


def batches(relation: duckdb.DuckDBPyRelation) -> Iterator[pa.RecordBatch]:
    """Yields the rows in order and reads the next batch ahead, in a thread."""
    reader = iter(relation.to_arrow_reader(_BATCH_ROWS))
    with ThreadPoolExecutor(max_workers=1) as executor:
        next_batch = executor.submit(next, reader, None)
        while (batch := next_batch.result()) is not None:
            next_batch = executor.submit(next, reader, None)
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
    """Returns a column of one value, whose chunks share their memory."""
    chunk = pa.repeat(value, min(rows, _BATCH_ROWS))
    whole, rest = divmod(rows, _BATCH_ROWS)
    return pa.chunked_array([chunk] * whole + [chunk.slice(0, rest)], type=value.type)
