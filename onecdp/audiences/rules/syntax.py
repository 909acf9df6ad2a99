"""The expressions that rules are parsed into, and their text."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from onecdp.audiences.rules.errors import printable

KEYWORDS = ("AND", "OR", "NOT")
# Keywords after the name of a number only.
NUMBER_KEYWORDS = ("BETWEEN", "IN")

_SHOWN = 60


@dataclass(frozen=True)
class Tag:
    """The customers that carry a tag; `audience:PKG001` are those that another rule selects."""

    name: str
    position: int = field(default=1, compare=False)


@dataclass(frozen=True)
class Compare:
    """The customers whose number compares so; none of those without a value.

    Attributes:
        number: Name of the number.
        operator: One of = != < <= > >=, with one value; between, with two; in, with one or more.
        values: What it is compared with.
        position: Where the number's name begins, from 1.
    """

    number: str
    operator: str
    values: tuple[Decimal, ...]
    position: int = field(default=1, compare=False)


@dataclass(frozen=True)
class Not:
    """The customers that are not in `operand`."""

    operand: Expression


@dataclass(frozen=True)
class And:
    """The customers that are in all operands; there are two or more."""

    operands: tuple[Expression, ...]


@dataclass(frozen=True)
class Or:
    """The customers that are in at least one operand; there are two or more."""

    operands: tuple[Expression, ...]


Expression = Tag | Compare | Not | And | Or


def leaves(expression: Expression) -> tuple[Tag | Compare, ...]:
    """Returns the tags and comparisons of an expression, each once, in the order of first use."""
    return tuple(dict.fromkeys(_walk(expression)))


def tags(expression: Expression) -> tuple[str, ...]:
    """Returns the tags that an expression names, each once, in the order of their first use."""
    return tuple(leaf.name for leaf in leaves(expression) if isinstance(leaf, Tag))


def to_text(expression: Expression) -> str:
    """Returns the rule of an expression: `parse(to_text(e)) == e`."""
    match expression:
        case Tag(name):
            return _name(name)
        case Compare(number, "between", (low, high)):
            return f"{_name(number)} BETWEEN {low:f} AND {high:f}"
        case Compare(number, "in", values):
            return f"{_name(number)} IN ({', '.join(f'{value:f}' for value in values)})"
        case Compare(number, operator, (value,)):
            return f"{_name(number)} {operator} {value:f}"
        case Not(operand):
            return f"NOT {_nested(operand, (And, Or))}"
        case And(operands):
            return " AND ".join(_nested(operand, (And, Or)) for operand in operands)
        case Or(operands):
            return " OR ".join(_nested(operand, (Or,)) for operand in operands)
    raise AssertionError(expression)


def needs_universe(expression: Expression) -> bool:
    """Returns whether evaluating an expression needs the set of all customers.

    `NOT b` and `a OR NOT b` need it; `a AND NOT b` does not.
    """
    match expression:
        case Tag() | Compare():
            return False
        case Not():
            return True
        case Or(operands):
            return any(needs_universe(operand) for operand in operands)
        case And(operands):
            kept = [operand for operand in operands if not isinstance(operand, Not)]
            taken = [operand.operand for operand in operands if isinstance(operand, Not)]
            return not kept or any(needs_universe(operand) for operand in kept + taken)


def quoted(tag: str) -> str:
    """Returns a tag in double quotes, which are valid for every tag."""
    return '"' + tag.replace('"', '""') + '"'


def shown(tag: str) -> str:
    """Returns a tag for a message: quoted, on one line, truncated."""
    text = printable(quoted(tag))
    return text if len(text) <= _SHOWN else f'{text[:_SHOWN]}…"'


def is_bare_character(character: str) -> bool:
    """Returns whether tags with this character need no quotes."""
    # Combining marks (category M) are parts of letters in Hindi, Thai and other scripts.
    return character.isalnum() or character in "_:.-" or unicodedata.category(character)[0] == "M"


def _name(name: str) -> str:
    reserved = name in ("", "-") or name.upper() in KEYWORDS + NUMBER_KEYWORDS
    is_bare = not reserved and not name.startswith("--") and all(map(is_bare_character, name))
    return name if is_bare else quoted(name)


def _nested(operand: Expression, in_parentheses: tuple[type, ...]) -> str:
    text = to_text(operand)
    return f"({text})" if isinstance(operand, in_parentheses) else text


def _walk(expression: Expression) -> Iterator[Tag | Compare]:
    match expression:
        case Tag() | Compare():
            yield expression
        case Not(operand):
            yield from _walk(operand)
        case And(operands) | Or(operands):
            for operand in operands:
                yield from _walk(operand)
