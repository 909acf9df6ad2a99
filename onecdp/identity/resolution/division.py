"""Divides components that break a constraint into clusters.

Each constraint concerns one component. The edges of a component that breaks one are replayed,
strongest first, and an edge that would break a constraint is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa

from onecdp.identity.resolution.graph import Components, Ints, Numbers, Priorities
from onecdp.identity.resolution.replay import Edges, replay
from onecdp.identity.resolution.settings import Settings
from onecdp.identity.resolution.values import EVER, Period, limited_values


def divide(
    connection: duckdb.DuckDBPyConnection,
    graph: Components,
    edges: duckdb.DuckDBPyRelation,
    settings: Settings,
) -> tuple[Ints, Ints]:
    """Returns the component and the cluster of each node of the graph.

    Args:
        connection: the connection of `edges`.
        graph: all nodes, united along all edges.
        edges: the same edges, with the columns that `resolve` takes; read only if a component
            breaks a constraint.
        settings: the constraints.
    """
    components = clusters = graph.components()
    cannot_links = np.array(settings.cannot_links, dtype=np.int64).reshape(-1, 2)
    broken = graph.broken(
        [(limit.priority, limit.max_values) for limit in settings.limits],
        cannot_links,
        settings.max_cluster_size,
    )
    if len(broken):
        nodes = _select_nodes(graph, broken)
        clusters = components.copy()
        clusters[nodes.numbers] = _replay_nodes(connection, edges, nodes, settings, cannot_links)
    return components, clusters


@dataclass(frozen=True)
class _Nodes:
    """The nodes of some components; one entry per node, by ascending id.

    Attributes:
        numbers: number of the node in the graph.
        ids: id of the node.
        priorities: priority of the node's type.
        components: any number that is the same for the nodes of a component only.
    """

    numbers: Ints
    ids: Ints
    priorities: Priorities
    components: Numbers


def _select_nodes(graph: Components, numbers: Ints) -> _Nodes:
    numbers = numbers[np.argsort(graph.ids[numbers])]
    graph.flatten()
    return _Nodes(numbers, graph.ids[numbers], graph.priorities[numbers], graph.parents[numbers])


def _replay_nodes(
    connection: duckdb.DuckDBPyConnection,
    edges: duckdb.DuckDBPyRelation,
    nodes: _Nodes,
    settings: Settings,
    cannot_links: Ints,
) -> Ints:
    """Returns the cluster of each node."""
    ordered, seen = _read_edges(connection, edges, nodes)
    is_known = np.isin(cannot_links, nodes.ids).all(axis=1)
    roots = replay(
        ordered,
        limited_values(
            nodes.priorities, nodes.components, (ordered.left, ordered.right), seen, settings.limits
        ),
        settings.limits,
        np.searchsorted(nodes.ids, cannot_links[is_known]),
        settings.max_cluster_size,
    )
    smallest_ids = np.full(len(nodes.ids), EVER.max)
    np.minimum.at(smallest_ids, roots, nodes.ids)
    return smallest_ids[roots]


def _read_edges(
    connection: duckdb.DuckDBPyConnection, edges: duckdb.DuckDBPyRelation, nodes: _Nodes
) -> tuple[Edges, Period]:
    """Returns the edges of the nodes, strongest first, and when each was seen.

    The ends of an edge are positions in `nodes`.
    """
    selected = connection.from_arrow(pa.table({"node_id": nodes.ids})).set_alias("selected")
    # The node ids make the order unique.
    rows = (
        edges.set_alias("edges")
        .join(selected, "edges.left_node_id = selected.node_id", how="semi")
        .project(f"""
            left_node_id, right_node_id, left_priority, right_priority, method_rank, confidence,
            first_seen, method_rank = 0 as is_manual,
            coalesce(epoch_us(first_seen), {EVER.min}) as seen_from,
            coalesce(epoch_us(last_seen), {EVER.max}) as seen_to
        """)
        .order("""
            method_rank, confidence desc, left_priority, right_priority,
            first_seen asc nulls last, left_node_id, right_node_id
        """)
        .to_arrow_table()
    )
    left, right = (
        np.searchsorted(nodes.ids, rows[column].to_numpy())
        for column in ("left_node_id", "right_node_id")
    )
    return (
        Edges(left, right, rows["is_manual"].to_numpy(zero_copy_only=False)),
        Period(rows["seen_from"].to_numpy(), rows["seen_to"].to_numpy()),
    )
