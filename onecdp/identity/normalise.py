"""The one spelling of an identifier, in Python and as SQL.

A value is written in many ways: with a line feed behind it, in full-width letters, as a
spreadsheet's `="U1"` or `'U1`, `17850.0` for 17850. The rules, in their order:

1. Unicode NFKC: full-width and other compatible letters and digits become the plain ones.
2. White space, control and zero-width characters at both ends are removed, and with them the armour
   that keeps a spreadsheet from reading a value: `="…"` around it or an apostrophe before it.
3. A whole number that was written as a decimal (`17850.0`) is that number.
4. Hashes of mobile numbers and e-mail addresses are lower case.
5. What is empty then is null.

DuckDB has no NFKC. So the landing, which runs in Python, gives `identifier_sql` a function that has
it, and what it loads is NFKC from then on. Elsewhere the SQL knows the full-width forms alone: what
keyboards write. The macro `normalize_identifier` is that form for dbt; a test compares all.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from onecdp.warehouse.sql_text import literal

LOWER_CASE_TYPES = ("mobile_hash", "email_hash")

# White space and controls, soft hyphen, zero-width and directional marks, the byte order mark.
_BLANKS = (
    (0x00, 0x20), (0x7F, 0xA0), (0xAD, 0xAD), (0x1680, 0x1680), (0x180E, 0x180E), (0x2000, 0x200F),
    (0x2028, 0x202F), (0x205F, 0x2064), (0x2066, 0x2069), (0x3000, 0x3000), (0xFEFF, 0xFEFF),
)  # fmt: skip
FULL_WIDTH = "".join(map(chr, (*range(0xFF01, 0xFF5F), 0x3000)))
HALF_WIDTH = "".join(map(chr, (*range(0x21, 0x7F), 0x20)))


def _blanks(escape: Callable[[int], str]) -> str:
    """The inside of a character class, as both RE2 and `re` read it."""
    return "".join(f"{escape(first)}-{escape(last)}" for first, last in _BLANKS)


_ALL_BLANKS = "".join(chr(point) for first, last in _BLANKS for point in range(first, last + 1))
_BEFORE = re.compile(rf"""(?:[{_blanks(lambda point: re.escape(chr(point)))}']|="+)*""")
_WHOLE = re.compile(r"^(-?[0-9]+)\.0+\Z")

_SQL_BLANKS = _blanks(lambda point: rf"\x{{{point:04x}}}")
# Quotes go from the end only where armour stands before: some values end in one.
SQL_TRIM = (
    rf"""(?s)^(?:[{_SQL_BLANKS}']*(?:="+[{_SQL_BLANKS}']*)+(.*?)[{_SQL_BLANKS}"]*"""
    rf"""|[{_SQL_BLANKS}']*(.*?)[{_SQL_BLANKS}]*)\z"""
)
SQL_WHOLE = r"^(-?[0-9]+)\.0+\z"


def nfkc(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Returns texts in Unicode NFKC, as a function of DuckDB that reads whole columns.

    By Arrow's tables, not Python's, which know other characters from version to version.
    """
    return pc.utf8_normalize(values, form="NFKC")


def normalise(id_type: str, id_value: str) -> str:
    """Returns an identifier in its one spelling; or ''."""
    value = id_value
    # Most values: nothing can be removed from them.
    is_plain = value.isascii() and value[:1].isalnum() and value[-1:].isalnum()
    if not is_plain or ".0" in value:
        value = _WHOLE.sub(r"\1", _trim(value))
    return lower(value) if id_type in LOWER_CASE_TYPES else value


def _trim(value: str) -> str:
    if not value.isascii():
        value = str(pc.utf8_normalize(pa.scalar(value), form="NFKC").as_py())
    armour = _BEFORE.match(value)
    if not armour or not armour.end():
        return value.rstrip(_ALL_BLANKS)
    value = value[armour.end() :]
    # Not by a regular expression: it would try every run of blanks to its end.
    return value.rstrip(_ALL_BLANKS + '"' if "=" in armour.group() else _ALL_BLANKS)


def normalise_columns(id_type: pa.ChunkedArray, id_value: pa.ChunkedArray) -> pa.ChunkedArray:
    """Returns normalised identifiers as text columns; null where there is none.

    The types, in lower case, may be any; null counts as a type without a rule of its own.
    """
    pairs = zip(id_type.to_pylist(), id_value.to_pylist(), strict=True)
    normal = [
        None if value is None else normalise(kind or "", value) or None for kind, value in pairs
    ]
    return pa.chunked_array([pa.array(normal, pa.string())])


def lower(value: str) -> str:
    """Lower case letter by letter, as SQL has it: no letter depends on others or becomes two."""
    if value.isascii():
        return value.lower()
    return "".join("i" if letter == "\u0130" else letter.lower() for letter in value)


def identifier_sql(id_type: str, id_value: str, full_nfkc: str | None = None) -> str:
    """SQL for a normalised identifier, as the macro `normalize_identifier` has it.

    Args:
        id_type: SQL for the type.
        id_value: SQL for the value.
        full_nfkc: A function of the connection that gives NFKC; None where there is none.
    """
    is_hash = f"{id_type} in ({', '.join(map(literal, LOWER_CASE_TYPES))})"
    whole = f"regexp_replace({_trimmed(id_value, full_nfkc)}, {literal(SQL_WHOLE)}, '\\1')"
    return (
        f"case when {_is_plain(id_value)} and {id_value} not like '%.0%' "
        f"then case when {is_hash} then lower({id_value}) else {id_value} end "
        f"when {is_hash} then nullif(lower({whole}), '') else nullif({whole}, '') end"
    )


def trim_sql(value: str, full_nfkc: str | None = None) -> str:
    """SQL for a value in NFKC without what stands around it, the first two rules."""
    # A null would go the long way, too.
    is_plain = f"{value} is null or {value} = '' or {_is_plain(value)}"
    return f"case when {is_plain} then {value} else {_trimmed(value, full_nfkc)} end"


def _trimmed(value: str, full_nfkc: str | None) -> str:
    if full_nfkc is None:
        wide = f"translate({value}, {literal(FULL_WIDTH)}, {literal(HALF_WIDTH)})"
    else:
        wide = f"{full_nfkc}({value})"
    narrow = f"case when {_is_ascii(value)} then {value} else {wide} end"
    return f"regexp_replace({narrow}, {literal(SQL_TRIM)}, '\\1\\2')"


def _is_plain(value: str) -> str:
    """SQL that is true for most values that nothing is removed from.

    Regular expressions would cost several times as much.
    """
    return (
        f"{_is_ascii(value)} and {value} between '(' and '~' and {value} not like '=%' "
        f"and ({value})[-1] between '!' and '~'"
    )


def _is_ascii(value: str) -> str:
    return f"strlen({value}) = length({value})"
