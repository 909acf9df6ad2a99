"""Random draws that depend on the seed and on what is drawn, not on the order of drawing."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Columns = dict[str, npt.NDArray[Any]]
"""A table: arrays of one length, by name."""


def source_of(seed: int, what: str, number: int = 0) -> np.random.Generator:
    """A generator of its own for `what`: a rate that changes leaves other draws alone."""
    # PCG64 by name: numpy keeps its stream, but not which one is the default.
    return np.random.Generator(np.random.PCG64([seed, zlib.crc32(what.encode()), number]))


def count_of(share: float, pool: int) -> int:
    """How many of `pool` are `share`: at least one, where there are any and the share isn't 0."""
    return min(pool, max(1, round(share * pool))) if share and pool else 0


def pick(draw: np.random.Generator, pool: Flags, share: float) -> Flags:
    """Marks exactly `count_of(share, …)` of the marked ones."""
    chosen = np.zeros(len(pool), dtype=np.bool_)
    candidates = np.flatnonzero(pool)
    chosen[draw.choice(candidates, count_of(share, len(candidates)), replace=False)] = True
    return chosen


def by_chance(draw: np.random.Generator, pool: Flags, share: float) -> Flags:
    """Marks each of the marked ones with a chance: for what comes in many small deliveries."""
    return pool & (draw.random(len(pool)) < share)


def days_between(draw: np.random.Generator, first: Ints, until: Ints) -> Ints:
    """A whole day from `first` to before `until` each; `first` where that is no day at all."""
    width = np.maximum(until - first, 1)
    days: Ints = first + np.floor(draw.random(len(first)) * width).astype(np.int64)
    return days


def stacked(parts: list[Columns]) -> Columns:
    """The parts below each other; all have the same columns."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def rows_of(columns: Columns, which: Flags | Ints) -> Columns:
    """The rows that are marked, or numbered."""
    return {name: values[which] for name, values in columns.items()}


def height(columns: Columns) -> int:
    """The number of rows."""
    return len(next(iter(columns.values())))


def spellings(draw: np.random.Generator, size: int, share: float) -> Ints:
    """How each of `size` values is written, for `identifiers.oddly`; `share` of them oddly."""
    odd = by_chance(draw, np.ones(size, dtype=np.bool_), share)
    return np.where(odd, draw.integers(1, 3, size), 0)


def with_copies(columns: Columns, draw: np.random.Generator, share: float) -> tuple[Columns, int]:
    """The rows, and below them exact copies of a share of them; and how many these are."""
    size = height(columns)
    copies = np.flatnonzero(by_chance(draw, np.ones(size, dtype=np.bool_), share))
    return stacked([columns, rows_of(columns, copies)]), len(copies)
