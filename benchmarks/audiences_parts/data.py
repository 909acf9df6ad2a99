"""Customers with tags and a number, drawn deterministically."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

SHARE = 0.083
LEAST = 250


@dataclass(frozen=True)
class Data:
    """The same facts in two shapes.

    Attributes:
        tags: How many tags there are.
        long: one_int and tag (its number), one row per customer and tag, ordered by customer.
        wide: one_int, t0, t1, ... (whether the customer has the tag) and spent, a row per customer.
    """

    tags: int
    long: pa.Table
    wide: pa.Table


def draw(customers: int, tags: int) -> Data:
    """Draws which customer has which tag, each with a probability of 8.3 %, and what they spent."""
    rng = np.random.default_rng(20)
    has = [rng.random(customers, dtype=np.float32) < SHARE for _ in range(tags)]
    one_int = np.arange(1, customers + 1, dtype=np.uint32)
    spent = np.round(rng.gamma(0.5, 300, customers) * 100).astype(np.int64)
    wide = _required(
        {
            "one_int": one_int,
            **{f"t{number}": column for number, column in enumerate(has)},
            "spent": spent,
        }
    )
    members = [np.flatnonzero(column).astype(np.uint32) + np.uint32(1) for column in has]
    codes = np.repeat(np.arange(tags, dtype=np.uint16), [len(part) for part in members])
    joined = np.concatenate(members)
    order = np.argsort(joined, kind="stable")
    return Data(tags, _required({"one_int": joined[order], "tag": codes[order]}), wide)


def _required(columns: Mapping[str, npt.NDArray[Any]]) -> pa.Table:
    """Returns a table without nullable columns, which ClickHouse would read more slowly."""
    table = pa.table(dict(columns))
    return table.cast(pa.schema([field.with_nullable(False) for field in table.schema]))
