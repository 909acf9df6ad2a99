"""Numbers of customers, such as what they spent, as bit-sliced bitmaps.

A number is one bitmap per binary digit. Comparisons and sums cost a few set operations per digit,
whatever the number of customers (O'Neil and Quass, Improved Query Performance with Variant Indexes,
SIGMOD 1997).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal

from onecdp.audiences.bitmaps import BitMap, from_bytes
from onecdp.audiences.rules import Compare

# Exact for all that rules and columns can hold.
_EXACT = Context(prec=80)


@dataclass(frozen=True)
class Number:
    """A number of customers.

    Attributes:
        name: Name of the number.
        decimals: How many decimals the values have; they are stored as integers.
        base: What the slices leave out of the integers: 0, or the smallest if it is negative.
        held: The customers with a value.
        slices: The customers whose integer less the base has the bit, from the lowest bit.
    """

    name: str
    decimals: int
    base: int
    held: BitMap
    slices: tuple[BitMap, ...]

    def compare(self, comparison: Compare) -> BitMap:
        """Returns the customers that a comparison, one of this number, is true for."""
        values = comparison.values
        match comparison.operator:
            case "=" | "in":
                return BitMap.union(BitMap(), *map(self._equal, values))
            case "!=":
                return self.held - self._equal(values[0])
            case "<=":
                return self.held - self._above(self._floor(values[0]))
            case "<":
                return self.held - self._above(self._ceiling(values[0]) - 1)
            case ">":
                return self._above(self._floor(values[0]))
            case ">=":
                return self._above(self._ceiling(values[0]) - 1)
            case "between":
                low, high = values
                return self._above(self._ceiling(low) - 1) - self._above(self._floor(high))
        raise ValueError(f"unknown operator {comparison.operator}")

    def total(self, customers: BitMap) -> Decimal:
        """Returns the sum of the values of customers; 0 if none has a value."""
        whole = self.base * self.held.intersection_cardinality(customers)
        for bit, members in enumerate(self.slices):
            whole += members.intersection_cardinality(customers) << bit
        return self._decimal(whole)

    def value_of(self, one_int: int) -> Decimal | None:
        """Returns the value of a customer, or None."""
        if one_int not in self.held:
            return None
        bits = sum(1 << bit for bit, members in enumerate(self.slices) if one_int in members)
        return self._decimal(self.base + bits)

    def _decimal(self, integer: int) -> Decimal:
        return Decimal(integer).scaleb(-self.decimals, _EXACT)

    def _floor(self, value: Decimal) -> int:
        return int(value.scaleb(self.decimals, _EXACT).to_integral_value(ROUND_FLOOR, _EXACT))

    def _ceiling(self, value: Decimal) -> int:
        return int(value.scaleb(self.decimals, _EXACT).to_integral_value(ROUND_CEILING, _EXACT))

    def _equal(self, value: Decimal) -> BitMap:
        integer = self._floor(value)
        wanted = integer - self.base
        if integer != self._ceiling(value) or wanted < 0 or wanted >> len(self.slices):
            return BitMap()
        equal = self.held.copy()
        for bit, members in enumerate(self.slices):
            if wanted >> bit & 1:
                equal &= members
            else:
                equal -= members
        return equal

    def _above(self, integer: int) -> BitMap:
        """Returns the customers whose integer is greater than another.

        From the lowest bit up, one operation each: of two integers that are the same above a bit,
        the one with the bit is greater, and where both or neither has it, the lower bits decide.
        """
        wanted = integer - self.base
        if wanted < 0:
            return self.held.copy()
        above = BitMap()
        if wanted >> len(self.slices):
            return above
        for bit, members in enumerate(self.slices):
            if wanted >> bit & 1:
                above &= members
            else:
                above |= members
        return above


def load_numbers(rows: Iterable[tuple[str, int, int, int, bytes]]) -> Mapping[str, Number]:
    """Returns numbers by name.

    Args:
        rows: number_name, slice, decimals, base and user_bitmap of audience_numbers, in any order.

    Raises:
        ValueError: Bytes are not a Roaring bitmap, or a slice is missing or there twice.
    """
    parts: dict[str, list[tuple[int, int, int, bytes]]] = {}
    for name, *part in rows:
        parts.setdefault(name, []).append(tuple(part))  # type: ignore[arg-type]
    numbers = {}
    for name, slices in parts.items():
        slices.sort(key=lambda part: part[0])
        if [part[0] for part in slices] != list(range(-1, len(slices) - 1)):
            raise ValueError(f"number {name}: slices are missing, or there twice")
        try:
            held, *members = (from_bytes(part[3] or b"") for part in slices)
        except ValueError as error:
            raise ValueError(f"number {name}: {error}") from None
        _, decimals, base, _ = slices[0]
        numbers[name] = Number(name, decimals, base, held, tuple(members))
    return numbers
