"""Whether a rule holds for a person."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from decimal import Decimal
from hashlib import md5

from onecdp.audiences.rules import And, Compare, Expression, Not, Or, Tag
from onecdp.live.measure import Value
from onecdp.live.triggers.declared import live_name

HELD_OUT, TREATMENT = "hold_out", "treatment"
"""The arms of a trigger: who is held out is in it, and no destination is told."""
Leaf = Tag | Compare

_OPERATORS: Mapping[str, Callable[[Decimal, Decimal], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def holds(expression: Expression, leaf_holds: Callable[[Leaf], bool]) -> bool:
    """Returns whether an expression holds.

    Args:
        expression: A rule.
        leaf_holds: Says it of tags and comparisons.
    """
    match expression:
        case Not(operand):
            return not holds(operand, leaf_holds)
        case And(operands):
            return all(holds(operand, leaf_holds) for operand in operands)
        case Or(operands):
            return any(holds(operand, leaf_holds) for operand in operands)
        case _:
            return leaf_holds(expression)


def live_holds(leaf: Leaf, values: Mapping[str, Value]) -> bool:
    """Returns whether a live feature is as a rule wants it.

    By itself it is true if it is true, or above 0. One without a value is in no comparison.

    Args:
        leaf: Of a rule.
        values: The person's features by name.
    """
    name = live_name(leaf)
    assert name is not None
    value = values[name]
    if value is None:
        return False
    assert not isinstance(value, str)
    number = Decimal(str(value)) if isinstance(value, float) else Decimal(value)
    if isinstance(leaf, Tag):
        return number > 0
    if leaf.operator == "in":
        return number in leaf.values
    if leaf.operator == "between":
        low, high = leaf.values
        return low <= number <= high
    return _OPERATORS[leaf.operator](number, leaf.values[0])


def arm_of(key: str, trigger: str, one_id: str, hold_out_share: float) -> str:
    """Returns the arm of a customer, drawn as `macros/audiences/arm.sql` draws those of audiences.

    Args:
        key: The variable `audience_hold_out_key`.
        trigger: The trigger's name, in place of a package_id.
        one_id: The customer.
        hold_out_share: The share of customers who are held out.
    """
    digest = md5(f"{key}|{trigger}|{one_id}".encode(), usedforsecurity=False).digest()
    drawn = int.from_bytes(digest[:8], "little") & (2**63 - 1)
    return HELD_OUT if drawn / 2.0**63 < hold_out_share else TREATMENT
