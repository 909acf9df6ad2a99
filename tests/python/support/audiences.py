"""Bitmaps of a test's sets, and rules evaluated on plain sets."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from operator import eq, ge, gt, le, lt, ne

import pyarrow as pa

from onecdp.audiences.bitmaps import ALL_CUSTOMERS
from onecdp.audiences.build import Tag as BuiltTag
from onecdp.audiences.build import build_bitmaps
from onecdp.audiences.rules import And, Compare, Expression, Not, Or, Tag

_OPERATORS = {"=": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge}


def built(pairs: Iterable[tuple[str, int]], tags: Collection[str]) -> pa.Table:
    """The bitmaps of tags, from (tag, one_int) pairs in their order."""
    numbers = {tag: number for number, tag in enumerate(tags)}
    pairs = list(pairs)
    table = pa.table(
        {
            "one_int": pa.array([one_int for _, one_int in pairs], pa.int64()),
            "tag": pa.array([numbers[tag] for tag, _ in pairs], pa.int32()),
        }
    )
    return build_bitmaps([table], [BuiltTag(n, tag, "test") for tag, n in numbers.items()])


def bitmaps(sets: Mapping[str, Iterable[int]]) -> pa.Table:
    """The bitmaps of sets by tag."""
    return built([(tag, n) for tag, members in sets.items() for n in members], sets)


def blob(members: Iterable[int]) -> bytes:
    """A set as portable Roaring bytes."""
    written: bytes = bitmaps({"t": members}).column("user_bitmap")[0].as_py()
    return written


def selected(
    rule: Expression,
    sets: Mapping[str, set[int]],
    numbers: Mapping[str, Mapping[int, Decimal | int]],
) -> set[int]:
    """The oracle: whom a rule selects, by plain sets and plain numbers."""
    match rule:
        case Tag(name):
            return sets[name]
        case Compare(number, operator, values):
            return {one for one, value in numbers[number].items() if _is(operator, value, values)}
        case Not(operand):
            return sets[ALL_CUSTOMERS] - selected(operand, sets, numbers)
        case And(operands):
            return set.intersection(*(selected(o, sets, numbers) for o in operands))
        case Or(operands):
            return set.union(*(selected(o, sets, numbers) for o in operands))
    raise AssertionError(rule)


def _is(operator: str, value: Decimal | int, values: tuple[Decimal, ...]) -> bool:
    if operator == "between":
        return values[0] <= value <= values[1]
    if operator == "in":
        return value in values
    return bool(_OPERATORS[operator](value, values[0]))
