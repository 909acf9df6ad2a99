"""How the landing should read cells, in plain Python: identifiers, text, numbers and times."""

from __future__ import annotations

import math
import re
import unicodedata
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

from support.landing_writer import Cell

EXACT_BELOW = 2**53
ARMOUR = re.compile(r'="(.*)"', re.DOTALL)
SCIENTIFIC = re.compile(
    r"[+-]?([0-9]\.[0-9]+[eE][+-]?[0-9]{1,3}|[0-9]+(\.[0-9]+)?[eE]\+[0-9]{1,3})"
)
FLOAT = re.compile(r"([0-9]+)\.0+")
# Spreadsheets write at least six digits before they round.
SHOWN_DIGITS = 6


class Unreadable(Exception):
    """A cell that is not what its column holds."""


def normalise(value: str) -> str:
    """The one spelling of an identifier: NFKC, no white space around it, no spreadsheet armour."""
    text = _trim(unicodedata.normalize("NFKC", value))
    armoured = ARMOUR.fullmatch(text)
    return _trim(armoured[1]) if armoured else text


def _trim(text: str) -> str:
    start, end = 0, len(text)
    while start < end and _is_blank(text[start]):
        start += 1
    while end > start and _is_blank(text[end - 1]):
        end -= 1
    return text[start:end]


def _is_blank(letter: str) -> bool:
    """White space, or a character that takes no room: U+FEFF, U+200B to U+200D, U+2060."""
    return letter.isspace() or letter in "\ufeff\u200b\u200c\u200d\u2060\u180e"


def identifier(cell: Cell) -> str | None:
    """An identifier in its one spelling; None where there is none.

    Raises:
        Unreadable: An object, array or boolean, or a number that lost its last digits.
    """
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return None
    if isinstance(cell, bool | list | dict):
        raise Unreadable("no identifier")
    if isinstance(cell, float | Decimal):
        number = Decimal(cell)
        if number != int(number) or abs(number) >= EXACT_BELOW:
            raise Unreadable("lost its last digits")
        return str(int(number))
    text = normalise(str(cell))
    if SCIENTIFIC.fullmatch(text):
        return str(_exact_integer(text))
    whole = FLOAT.fullmatch(text)
    return whole[1] if whole else text or None


def _exact_integer(text: str) -> int:
    number = Decimal(text)
    digits = len(number.as_tuple().digits)
    if number != int(number):
        raise Unreadable("no whole number")
    # All digits are written, or too few are missing for a spreadsheet to have rounded them.
    if digits < len(str(abs(int(number)))) > SHOWN_DIGITS:
        raise Unreadable("lost its last digits")
    return int(number)


def text(cell: Cell) -> str | None:
    """Text is kept letter for letter."""
    return None if cell is None or cell == "" else str(cell)


def integer(cell: Cell) -> int | None:
    if cell is None or not str(cell).strip():
        return None
    written = str(cell).strip()
    if re.fullmatch(r"[+-]?[0-9]+(\.[0-9]*)?[eE][+-]?[0-9]+", written):
        return _exact_integer(written)
    if not re.fullmatch(r"[+-]?[0-9]{1,18}(\.0*)?", written):
        raise Unreadable("not a whole number")
    return int(written.split(".")[0])


def money(cell: Cell) -> Decimal | None:
    if cell is None or not str(cell).strip():
        return None
    try:
        return Decimal(str(cell).strip()).quantize(Decimal("0.0001"))
    except InvalidOperation as error:
        raise Unreadable("not a number") from error


def score(cell: Cell) -> float | None:
    number = money(cell)
    if number is not None and not 0 <= number <= 1:
        raise Unreadable("not a number from 0 to 1")
    return None if number is None else float(number)


def moment(cell: Cell) -> datetime | None:
    if cell is None or cell == "":
        return None
    try:
        found = cell if isinstance(cell, datetime) else datetime.fromisoformat(str(cell))
    except ValueError as error:
        raise Unreadable("not a timestamp") from error
    if found.year < 1900:
        raise Unreadable("before 1900")
    return found


def id_type(cell: Cell) -> str | None:
    if cell not in (None, "", "member_id", "union_id"):
        raise Unreadable("no type that there is")
    return text(cell)


def day(cell: Cell) -> date | None:
    found = moment(cell)
    return found.date() if found else None


def boolean(cell: Cell) -> bool | None:
    if cell is None or cell == "":
        return None
    try:
        return {"true": True, "false": False}[str(cell).lower()]
    except KeyError as error:
        raise Unreadable("not true or false") from error
