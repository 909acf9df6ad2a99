"""Evaluates expressions on bitmaps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from onecdp.audiences.bitmaps import ALL_CUSTOMERS, BitMap, difference, intersection, union
from onecdp.audiences.numbers import Number
from onecdp.audiences.rules import And, Compare, Expression, Not, Or, Tag

_CACHE_BYTES = 512 << 20


@dataclass
class Sets:
    """What rules are evaluated on.

    Attributes:
        tags: Bitmaps by tag; audiences are `audience:` and their package_id.
        numbers: Numbers by name.
    """

    tags: dict[str, BitMap]
    numbers: Mapping[str, Number] = field(default_factory=dict)

    @property
    def everybody(self) -> BitMap:
        """All customers.

        Raises:
            KeyError: There is no tag all_customers.
        """
        return self.tags[ALL_CUSTOMERS]


class Evaluator:
    """Evaluates expressions; a part that several of them share is evaluated once.

    What is shared is kept up to half a GiB, and dropped after its last use. Results may be shared
    or stored sets: do not modify them.
    """

    def __init__(self, sets: Sets, expressions: Iterable[Expression] = ()) -> None:
        """Counts the parts of the expressions that will be evaluated, in order."""
        self._sets = sets
        self._kept: dict[Expression, BitMap] = {}
        self._kept_bytes = 0
        self._uses = Counter(part for expression in expressions for part in _parts(expression))
        self._uses = Counter({part: uses for part, uses in self._uses.items() if uses > 1})

    def evaluate(self, expression: Expression) -> BitMap:
        """Returns the customers that an expression selects.

        In an AND with other operands, NOT is a set difference; otherwise the complement in
        `all_customers`.

        Raises:
            KeyError: A tag or number is missing.
        """
        if isinstance(expression, Tag):
            return self._sets.tags[expression.name]
        if expression not in self._uses:
            return self._made(expression)
        found = self._kept.get(expression)
        if found is None:
            found = self._made(expression)
            size = _size(found)
            if self._kept_bytes + size <= _CACHE_BYTES:
                self._kept[expression] = found
                self._kept_bytes += size
        self._uses[expression] -= 1
        if self._uses[expression] <= 0 and expression in self._kept:
            self._kept_bytes -= _size(self._kept.pop(expression))
        return found

    def count(self, expression: Expression) -> int:
        """Returns how many customers an expression selects.

        The last operation only counts, which is up to forty times faster than building its bitmap.

        Raises:
            KeyError: A tag or number is missing.
        """
        match expression:
            case Not(operand):
                return self._sets.everybody.difference_cardinality(self.evaluate(operand))
            case Or(operands):
                *others, last = map(self.evaluate, operands)
                return union(others).union_cardinality(last)
            case And():
                kept, taken = self._and_parts(expression)
                if not taken:
                    *others, last = sorted(kept, key=len)
                    return (
                        intersection(others).intersection_cardinality(last) if others else len(last)
                    )
                *others, last = taken
                return difference(intersection(kept), others).difference_cardinality(last)
        return len(self.evaluate(expression))

    def _made(self, expression: Expression) -> BitMap:
        match expression:
            case Compare(number):
                return self._sets.numbers[number].compare(expression)
            case Not(operand):
                return self._sets.everybody - self.evaluate(operand)
            case Or(operands):
                return union([self.evaluate(operand) for operand in operands])
            case And():
                kept, taken = self._and_parts(expression)
                return difference(intersection(kept), taken)
        raise AssertionError(expression)

    def _and_parts(self, expression: And) -> tuple[list[BitMap], list[BitMap]]:
        """Splits AND into the bitmaps to intersect (at least one) and those to subtract."""
        negated = [o.operand for o in expression.operands if isinstance(o, Not)]
        kept = [self.evaluate(o) for o in expression.operands if not isinstance(o, Not)]
        taken = [self.evaluate(operand) for operand in negated]
        return kept or [self._sets.everybody], taken


def evaluate(expression: Expression, sets: Sets) -> BitMap:
    """Returns the customers that an expression selects: `Evaluator.evaluate`."""
    return Evaluator(sets).evaluate(expression)


def count(expression: Expression, sets: Sets) -> int:
    """Returns how many customers an expression selects: `Evaluator.count`."""
    return Evaluator(sets).count(expression)


def _parts(expression: Expression) -> Iterator[Expression]:
    if not isinstance(expression, Tag):
        yield expression
    match expression:
        case Not(operand):
            yield from _parts(operand)
        case And(operands) | Or(operands):
            for operand in operands:
                yield from _parts(operand)


def _size(bitmap: BitMap) -> int:
    # Close enough, and cheap: at most two bytes per customer, and 8 KiB per 65,536 numbers.
    return min(2 * len(bitmap), (bitmap.max() >> 3) + 8192) if bitmap else 0
