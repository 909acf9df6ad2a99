"""When each value of a limited type is held."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from onecdp.identity.resolution.graph import Ints, Numbers, Priorities
from onecdp.identity.resolution.settings import Limit

# A value without a date is held since ever, or for ever.
EVER = np.iinfo(np.int64)
_DAY = 86_400_000_000  # microseconds


class Period(NamedTuple):
    """From when to when, in microseconds, both included; one entry per edge or per value."""

    start: Ints
    end: Ints


class Values(NamedTuple):
    """The values of limited types; one entry per node.

    The number of values held at once is largest at a moment at which one of them begins. So time
    is reduced to these moments: those of a component are numbered from 0.

    Attributes:
        limit: position of the limit of the node's type; -1: the type has none.
        first: first moment at which the value is held.
        last: last moment at which it is held; less than `first`: at none.
        moments: how many moments the node's component has; 0: the limit has no window.
    """

    limit: Ints
    first: Ints
    last: Ints
    moments: Ints


def limited_values(
    priorities: Priorities,
    components: Numbers,
    ends: tuple[Ints, Ints],
    seen: Period,
    limits: tuple[Limit, ...],
) -> Values:
    """Finds the values of limited types and the moments at which they are held.

    A value is held from the start of its first edge until the window after the end of its last.

    Args:
        priorities: per node.
        components: per node.
        ends: per edge, the numbers of its two nodes.
        seen: per edge.
        limits: the limits; `Values.limit` are positions in it.
    """
    node_count = len(priorities)
    limit = np.full(node_count, -1, dtype=np.int64)
    window = np.full(node_count, -1, dtype=np.int64)
    for position, each in enumerate(limits):
        is_limited = priorities == each.priority
        limit[is_limited] = position
        if each.window_days is not None:
            window[is_limited] = each.window_days * _DAY

    windowed = np.flatnonzero(window >= 0)
    held = _held(node_count, ends, seen, windowed, window[windowed])
    _, component = np.unique(components[windowed], return_inverse=True)
    # One sorted array has the moments of all components: a component and a time make one number.
    times = np.unique(np.concatenate(held))
    base = component * len(times)
    start_times = base + np.searchsorted(times, held.start)
    end_times = base + np.searchsorted(times, held.end)
    moments = np.unique(start_times)
    # How many moments the components before have.
    offset = np.searchsorted(moments, base)

    values = Values(limit, *(np.zeros(node_count, dtype=np.int64) for _ in range(3)))
    values.first[windowed] = np.searchsorted(moments, start_times) - offset
    values.last[windowed] = np.searchsorted(moments, end_times, side="right") - 1 - offset
    values.moments[windowed] = np.searchsorted(moments, base + len(times)) - offset
    return values


def _held(
    node_count: int, ends: tuple[Ints, Ints], seen: Period, nodes: Ints, windows: Ints
) -> Period:
    """When the values of these nodes are held, each with its window in microseconds."""
    start = np.full(node_count, EVER.max)
    end = np.full(node_count, EVER.min)
    for side in ends:
        np.minimum.at(start, side, seen.start)
        np.maximum.at(end, side, seen.end)
    # Adding a window to "for ever" would overflow.
    is_endless = end[nodes] > EVER.max - windows
    return Period(start[nodes], np.where(is_endless, EVER.max, end[nodes] + windows))
