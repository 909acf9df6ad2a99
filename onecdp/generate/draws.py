"""Random draws that depend on the seed and their name, not on the order of drawing."""

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
    """Returns a separate generator for `what`: changing one rate does not change other draws."""
    # numpy guarantees the stream of PCG64, but not that it stays the default.
    return np.random.Generator(np.random.PCG64([seed, zlib.crc32(what.encode()), number]))


def count_of(share: float, pool: int) -> int:
    """Returns `share` of `pool`, at least 1 unless one of them is 0."""
    return min(pool, max(1, round(share * pool))) if share and pool else 0


def pick(draw: np.random.Generator, pool: Flags, share: float) -> Flags:
    """Selects exactly `count_of(share, …)` of the pool."""
    chosen = np.zeros(len(pool), dtype=np.bool_)
    candidates = np.flatnonzero(pool)
    chosen[draw.choice(candidates, count_of(share, len(candidates)), replace=False)] = True
    return chosen


def by_chance(draw: np.random.Generator, pool: Flags, share: float) -> Flags:
    """Selects each of the pool with probability `share`, for draws per delivery."""
    return pool & (draw.random(len(pool)) < share)


def days_between(draw: np.random.Generator, first: Ints, until: Ints) -> Ints:
    """Draws a day in [first, until) each; `first` if that is empty."""
    width = np.maximum(until - first, 1)
    days: Ints = first + np.floor(draw.random(len(first)) * width).astype(np.int64)
    return days


def stacked(parts: list[Columns]) -> Columns:
    """Concatenates tables with the same columns."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def rows_of(columns: Columns, which: Flags | Ints) -> Columns:
    """Returns the selected rows, by flag or by position."""
    return {name: values[which] for name, values in columns.items()}


def height(columns: Columns) -> int:
    """Returns the number of rows."""
    return len(next(iter(columns.values())))


def spellings(draw: np.random.Generator, size: int, share: float) -> Ints:
    """Draws the spelling of `size` values, for `identifiers.oddly`; `share` of them are not 0."""
    odd = by_chance(draw, np.ones(size, dtype=np.bool_), share)
    return np.where(odd, draw.integers(1, 3, size), 0)


def with_copies(columns: Columns, draw: np.random.Generator, share: float) -> tuple[Columns, int]:
    """Appends exact copies of a share of the rows; returns the number of copies, too."""
    size = height(columns)
    copies = np.flatnonzero(by_chance(draw, np.ones(size, dtype=np.bool_), share))
    return stacked([columns, rows_of(columns, copies)]), len(copies)
