"""Numbers where identifiers are expected, in the formats that know numbers from text.

What is told here is lost in the text: a number with a fraction is no identifier, though the text
`1.5` may be one. Whether a number kept all of its digits is told by the landing, for the text of
every format alike (`landing.codes`).
"""

from __future__ import annotations

import re

from ..declaration import TableSpec
from ..landing.codes import ADVICE

NO_IDENTIFIER = "is no identifier"
FRACTION = f"is {ADVICE}"

_NUMBER = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?")


def code_columns(spec: TableSpec) -> frozenset[str]:
    """The columns that hold identifiers, also those that are not declared in the table."""
    names = {column.name for column in spec.columns}
    names |= {identifier.column for identifier in spec.identifiers}
    return frozenset(name for name in names if spec.kind_of(name).is_code)


def code_number(text: str) -> tuple[str, str | None]:
    """A number of a JSON file as an identifier, and what is wrong with it.

    An exponent gets one digit before it, as the landing knows it: 15e2 is 1.5E+2.
    """
    found = _NUMBER.fullmatch(text)
    if not found:
        return text, NO_IDENTIFIER
    sign, whole, fraction, exponent = found.groups()
    fraction = fraction or ""
    if exponent is None:
        return text, FRACTION if fraction.strip("0") else None
    digits = (whole + fraction).lstrip("0")
    if not digits:
        return "0", None
    moved = int(exponent) + len(digits) - 1 - len(fraction)
    rest = f".{digits[1:]}" if digits[1:] else ""
    return f"{sign}{digits[0]}{rest}E{moved:+d}", None
