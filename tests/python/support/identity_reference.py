"""The constrained replay as the design words it, with sets and lists: slow, plain, for tests."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from onecdp.identity.resolution.settings import Limit, Settings


@dataclass(frozen=True)
class Edge:
    """One edge of the graph; days count from any day, None is null."""

    left: int
    right: int
    left_priority: int = 1
    right_priority: int = 1
    method_rank: int = 1
    confidence: float = 0.9
    first_day: int | None = None
    last_day: int | None = None

    @property
    def strength(self) -> tuple[float, ...]:
        """Edges are taken in this order."""
        return (
            self.method_rank,
            -self.confidence,
            self.left_priority,
            self.right_priority,
            math.inf if self.first_day is None else self.first_day,
            self.left,
            self.right,
        )


def clusters_by_rule(
    edges: Iterable[Edge], settings: Settings
) -> tuple[list[set[int]], list[Edge]]:
    """Replays all edges, whether or not their component breaks a rule.

    Returns:
        The clusters, and the edges that were refused.
    """
    edges = sorted(edges, key=lambda edge: edge.strength)
    priorities: dict[int, int] = {}
    for edge in edges:
        priorities[edge.left] = edge.left_priority
        priorities[edge.right] = edge.right_priority
    clusters: list[set[int]] = [{node} for node in priorities]
    refused: list[Edge] = []
    for edge in edges:
        left = next(cluster for cluster in clusters if edge.left in cluster)
        right = next(cluster for cluster in clusters if edge.right in cluster)
        if left is right:
            continue
        if _may_unite(left, right, edge, edges, priorities, settings):
            clusters.remove(right)
            left |= right
        else:
            refused.append(edge)
    return clusters, refused


def _may_unite(
    left: set[int],
    right: set[int],
    edge: Edge,
    edges: list[Edge],
    priorities: dict[int, int],
    settings: Settings,
) -> bool:
    for one, two in settings.cannot_links:
        if (one in left and two in right) or (one in right and two in left):
            return False
    if edge.method_rank == 0:
        return True
    if len(left) + len(right) > settings.max_cluster_size:
        return False
    for limit in settings.limits:
        of_left = [node for node in left if priorities[node] == limit.priority]
        of_right = [node for node in right if priorities[node] == limit.priority]
        if of_left and of_right and breaks(of_left + of_right, limit, edges):
            return False
    return True


def breaks(values: list[int], limit: Limit, edges: list[Edge]) -> bool:
    """Whether these values of one type are more than the limit allows."""
    if limit.window_days is None:
        return len(values) > limit.max_values
    spans = [held(value, limit.window_days, edges) for value in values]
    # What is held most at one moment is held most when one of them begins.
    return any(
        sum(first <= moment <= last for first, last in spans) > limit.max_values
        for moment, _ in spans
    )


def held(value: int, window_days: int, edges: list[Edge]) -> tuple[float, float]:
    """From which day to which day a value is held."""
    own = [edge for edge in edges if value in (edge.left, edge.right)]
    firsts = [-math.inf if edge.first_day is None else edge.first_day for edge in own]
    lasts = [math.inf if edge.last_day is None else edge.last_day for edge in own]
    return min(firsts), max(lasts) + window_days
