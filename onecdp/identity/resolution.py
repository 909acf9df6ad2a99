"""Who is the same person: components of the identity graph, cut where a rule would break.

Edges whose both ends are in one connected component make one person, unless the component holds
more values of a type than one person may (limits), two identifiers that were told apart
(cannot-links), or more nodes than the cap. Only such a component is replayed: its edges are taken
by strength, and an edge that would break a rule is refused. Every rule looks at one component, so
resolving the components that changed gives what resolving all would.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from onecdp.identity.graph import Components, Ints, Priorities
from onecdp.identity.replay import Held, replay

# Raised when the same settings would give another answer: all is then resolved anew.
ALGORITHM_VERSION = 1

CLUSTER_COLUMNS = (
    ("node_id", pa.int64()),
    ("component_id", pa.int64()),
    ("cluster_id", pa.int64()),
    ("resolved_to", pa.timestamp("us")),
    ("settings_fingerprint", pa.int64()),
)
# A value without a date is held since ever, or for ever.
_EVER = np.iinfo(np.int64)
_DAY = 86_400_000_000  # microseconds
_BATCH_ROWS = 1_000_000


@dataclass(frozen=True)
class Limit:
    """How many values of a type one person may hold.

    Attributes:
        priority: the priority of the type, which no other type has.
        max_values: the most values.
        window_days: count only values held at one moment, each from its first_seen to so many
            days after its last_seen; None counts all.
    """

    priority: int
    max_values: int
    window_days: int | None


@dataclass(frozen=True)
class Settings:
    """The rules that edges may not break.

    Attributes:
        limits: at most one per type.
        cannot_links: pairs of node ids that are never one person.
        max_cluster_size: the most nodes that a person may have.
    """

    limits: tuple[Limit, ...]
    cannot_links: tuple[tuple[int, int], ...]
    max_cluster_size: int

    @property
    def fingerprint(self) -> int:
        """A number from 0 to 2^63 - 1: the same for the same rules, in whatever order."""
        rules = [
            ALGORITHM_VERSION,
            sorted(
                [
                    limit.priority,
                    limit.max_values,
                    -1 if limit.window_days is None else limit.window_days,
                ]
                for limit in self.limits
            ),
            sorted({(min(pair), max(pair)) for pair in self.cannot_links}),
            self.max_cluster_size,
        ]
        digest = hashlib.sha256(json.dumps(rules).encode()).digest()
        return int.from_bytes(digest[:8], "big") >> 1


def resolve(
    edges: duckdb.DuckDBPyRelation,
    settings: Settings,
    previous: duckdb.DuckDBPyRelation | None = None,
) -> pa.Table:
    """Gives every node of the components that changed its component and its cluster.

    Args:
        edges: columns left_node_id, right_node_id (bigint, 0 or more), left_priority,
            right_priority, method_rank (smallint; 0 is manual), confidence (double), first_seen,
            last_seen, changed_at (timestamp), is_present (boolean). Any order. A row that ceases
            to be an edge stays, with is_present = false and a new changed_at.
        settings: the rules.
        previous: the stored result of earlier calls, with the columns that are returned, on the
            connection of `edges`; None to resolve everything.

    Returns:
        Rows in no order: node_id, component_id (smallest node id of its connected component),
        cluster_id (smallest node id of its cluster, int64), resolved_to (timestamp; the newest
        changed_at of all edges), settings_fingerprint (int64). They replace the stored rows of
        the same nodes. All nodes of `edges` and `previous` if there is no previous result or it
        was made by other rules; else those of the components that an edge has changed since.
        A node that has lost its last edge is a component of its own.

    Raises:
        ValueError: a node id is negative, or a type has two limits.
    """
    if len({limit.priority for limit in settings.limits}) < len(settings.limits):
        raise ValueError(f"a type has two limits: {settings.limits}")
    edges = edges.set_alias("edges")
    resolved_to = _one(edges.aggregate("max(changed_at)"))
    standing = edges.filter("is_present")
    since = None if previous is None else _resolved_since(previous, settings.fingerprint)
    if since is None:
        nodes = _ends(edges.filter("not is_present"))
        if previous is not None:
            nodes = nodes.union(previous.project("node_id"))
        graph = Components(expected_nodes=_one(standing.aggregate("count(*)")))
    else:
        assert previous is not None
        nodes = _dirty_nodes(edges, previous, since)
        standing = standing.join(
            nodes.set_alias("dirty"), "edges.left_node_id = dirty.node_id", how="semi"
        )
        graph = Components()

    for batch in _batches(
        standing.project("left_node_id, right_node_id, left_priority, right_priority")
    ):
        graph.add(*(batch[column].to_numpy() for column in batch.schema.names))
    for batch in _batches(nodes):
        graph.add_nodes(batch["node_id"].to_numpy())

    cannot_links = np.array(settings.cannot_links, dtype=np.int64).reshape(-1, 2)
    broken = graph.broken(
        [(limit.priority, limit.max_values) for limit in settings.limits],
        cannot_links,
        settings.max_cluster_size,
    )
    components = clusters = graph.components()
    if len(broken):
        clusters = components.copy()
        clusters[broken] = _replayed(standing, graph, broken, settings, cannot_links)
    return _as_table(graph.ids, components, clusters, resolved_to, settings.fingerprint)


def _resolved_since(previous: duckdb.DuckDBPyRelation, fingerprint: int) -> datetime | None:
    """Up to when the stored result is right; None if all of it must be made anew."""
    is_other = f"settings_fingerprint is distinct from {fingerprint}"
    if previous.filter(is_other).limit(1).fetchone():
        return None
    newest: datetime | None = _one(previous.aggregate("max(resolved_to)"))
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


def _batches(relation: duckdb.DuckDBPyRelation) -> Iterator[pa.RecordBatch]:
    """The rows, the next batch of which is fetched while one is worked on."""
    batches = iter(relation.to_arrow_reader(_BATCH_ROWS))
    with ThreadPoolExecutor(max_workers=1) as ahead:
        coming = ahead.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = ahead.submit(next, batches, None)
            yield batch


def _replayed(
    standing: duckdb.DuckDBPyRelation,
    graph: Components,
    numbers: Ints,
    settings: Settings,
    cannot_links: Ints,
) -> Ints:
    """The clusters of the nodes of these numbers, which are whole components, in their order."""
    unsorted = graph.ids[numbers]
    order = np.argsort(unsorted)
    nodes = unsorted[order]
    suspects = pa.table({"node_id": nodes})  # noqa: F841 (DuckDB finds it by its name)
    # The order in which edges are taken; the last two make it unique.
    edges = standing.query(
        "identity_standing_edges",
        f"""
        select
            left_node_id, right_node_id, method_rank = 0 as is_manual,
            coalesce(epoch_us(first_seen), {_EVER.min}) as first_seen,
            coalesce(epoch_us(last_seen), {_EVER.max}) as last_seen
        from identity_standing_edges
        semi join suspects on identity_standing_edges.left_node_id = suspects.node_id
        order by
            method_rank, confidence desc, left_priority, right_priority,
            identity_standing_edges.first_seen asc nulls last, left_node_id, right_node_id
        """,
    ).to_arrow_table()
    left = np.searchsorted(nodes, edges["left_node_id"].to_numpy())
    right = np.searchsorted(nodes, edges["right_node_id"].to_numpy())
    is_known = np.isin(cannot_links, nodes).all(axis=1)
    held = _held(
        graph.priorities[numbers][order],
        graph.ids[graph.parents[numbers]][order],
        (left, right),
        (edges["first_seen"].to_numpy(), edges["last_seen"].to_numpy()),
        settings.limits,
    )
    labels = replay(
        left,
        right,
        edges["is_manual"].to_numpy(zero_copy_only=False),
        held,
        np.searchsorted(nodes, cannot_links[is_known]),
        settings.max_cluster_size,
    )
    smallest = np.full(len(nodes), _EVER.max)
    np.minimum.at(smallest, labels, nodes)
    clusters = np.empty(len(nodes), dtype=np.int64)
    clusters[order] = smallest[labels]
    return clusters


def _held(
    priorities: Priorities,
    components: Ints,
    ends: tuple[Ints, Ints],
    seen: tuple[Ints, Ints],
    limits: tuple[Limit, ...],
) -> Held:
    """When each value of a limited type is held, in the moments of its component.

    Args:
        priorities: per node.
        components: per node.
        ends: per edge, the numbers of its nodes.
        seen: per edge, first and last, microseconds.
        limits: the limits, whose positions `Held` uses.
    """
    limit = np.full(len(priorities), -1, dtype=np.int64)
    window = np.full(len(priorities), -1, dtype=np.int64)
    for position, each in enumerate(limits):
        is_limited = priorities == each.priority
        limit[is_limited] = position
        if each.window_days is not None:
            window[is_limited] = each.window_days * _DAY
    start = np.full(len(priorities), _EVER.max)
    end = np.full(len(priorities), _EVER.min)
    for side in ends:
        np.minimum.at(start, side, seen[0])
        np.maximum.at(end, side, seen[1])

    first = np.zeros(len(priorities), dtype=np.int64)
    last = np.zeros(len(priorities), dtype=np.int64)
    moments = np.zeros(len(priorities), dtype=np.int64)
    windowed = np.flatnonzero(window >= 0)
    start = start[windowed]
    # No overflow: for ever stays for ever.
    end = np.where(
        end[windowed] > _EVER.max - window[windowed], _EVER.max, end[windowed] + window[windowed]
    )
    # One sorted list of all components' moments: component and rank of the time in one number.
    times = np.unique(np.concatenate([start, end]))
    _, component = np.unique(components[windowed], return_inverse=True)
    base = component * len(times)
    starts = np.unique(base + np.searchsorted(times, start))
    before = np.searchsorted(starts, base)
    first[windowed] = np.searchsorted(starts, base + np.searchsorted(times, start)) - before
    last[windowed] = (
        np.searchsorted(starts, base + np.searchsorted(times, end), side="right") - 1 - before
    )
    moments[windowed] = np.searchsorted(starts, base + len(times)) - before
    return Held(
        limit=limit,
        first=first,
        last=last,
        moments=moments,
        most=np.array([each.max_values for each in limits], dtype=np.int64),
        is_windowed=np.array([each.window_days is not None for each in limits], dtype=np.bool_),
    )


def _as_table(
    node_id: Ints, component_id: Ints, cluster_id: Ints, resolved_to: object, fingerprint: int
) -> pa.Table:
    rows = len(node_id)
    columns = [node_id, component_id, cluster_id]
    constants = [
        _repeated(pa.scalar(value, kind), rows)
        for value, (_, kind) in zip((resolved_to, fingerprint), CLUSTER_COLUMNS[3:], strict=True)
    ]
    return pa.table([*columns, *constants], schema=pa.schema(CLUSTER_COLUMNS))


def _repeated(value: pa.Scalar, rows: int) -> pa.ChunkedArray:
    """A column of one value, whose chunks share their memory."""
    chunk = pa.repeat(value, min(rows, _BATCH_ROWS))
    whole, rest = divmod(rows, _BATCH_ROWS)
    return pa.chunked_array([chunk] * whole + [chunk.slice(0, rest)], type=value.type)
