"""The rules that no person may break, and how a component that breaks one is divided.

Every rule looks at one component. One that breaks a rule is replayed: its edges are taken by
strength, and an edge that would break a rule is refused.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa

from onecdp.identity.resolution.graph import Components, Ints, Priorities
from onecdp.identity.resolution.replay import Held, replay

# Raised when the same settings would give another answer: all is then resolved anew.
ALGORITHM_VERSION = 1

# A value without a date is held since ever, or for ever.
_EVER = np.iinfo(np.int64)
_DAY = 86_400_000_000  # microseconds


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


def divide(
    connection: duckdb.DuckDBPyConnection,
    graph: Components,
    edges: duckdb.DuckDBPyRelation,
    settings: Settings,
) -> tuple[Ints, Ints]:
    """Gives the component and the cluster of each node of the graph.

    Args:
        connection: where `edges` are.
        graph: all nodes, united along all edges.
        edges: these edges, as `resolve` takes them; read only if a component breaks a rule.
        settings: the rules.
    """
    components = clusters = graph.components()
    cannot_links = np.array(settings.cannot_links, dtype=np.int64).reshape(-1, 2)
    broken = graph.broken(
        [(limit.priority, limit.max_values) for limit in settings.limits],
        cannot_links,
        settings.max_cluster_size,
    )
    if len(broken):
        clusters = components.copy()
        clusters[broken] = _replayed(connection, edges, graph, broken, settings, cannot_links)
    return components, clusters


def _replayed(
    connection: duckdb.DuckDBPyConnection,
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
    suspects = connection.from_arrow(pa.table({"node_id": nodes})).set_alias("suspects")
    # The order in which edges are taken; the last two make it unique.
    edges = (
        standing.set_alias("standing")
        .join(suspects, "standing.left_node_id = suspects.node_id", how="semi")
        .project(f"""
            left_node_id, right_node_id, left_priority, right_priority, method_rank, confidence,
            first_seen, method_rank = 0 as is_manual,
            coalesce(epoch_us(first_seen), {_EVER.min}) as held_from,
            coalesce(epoch_us(last_seen), {_EVER.max}) as held_to
        """)
        .order("""
            method_rank, confidence desc, left_priority, right_priority,
            first_seen asc nulls last, left_node_id, right_node_id
        """)
        .to_arrow_table()
    )
    left = np.searchsorted(nodes, edges["left_node_id"].to_numpy())
    right = np.searchsorted(nodes, edges["right_node_id"].to_numpy())
    is_known = np.isin(cannot_links, nodes).all(axis=1)
    held = _held(
        graph.priorities[numbers][order],
        graph.ids[graph.parents[numbers]][order],
        (left, right),
        (edges["held_from"].to_numpy(), edges["held_to"].to_numpy()),
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
