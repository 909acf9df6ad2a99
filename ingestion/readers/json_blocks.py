"""Reads blocks of JSON lines as columns.

Arrow reads them much faster than one by one, but not every number as it is written, and it tells
null from an absent field no more than a first from a second object on a line. So it gets the blocks
alone in which that makes no difference, with the numbers quoted: each line has all fields, or no
field is null.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import json

from .lines import THREAD_BLOCK, line_ends

Positions = npt.NDArray[np.int64]

# What may stand before the quote that opens a text, and so must not stand before one that closes a
# key: `":` is then not sure to be the end of a key.
_OPENS = np.isin(np.arange(256), [*b'{[,: \t"'])
_TEXT, _NULL, _SCALAR = 1, 2, 3
_VALUES = np.zeros(256, np.uint8)
_VALUES[[*b'"']], _VALUES[[*b"n"]], _VALUES[[*b"-0123456789tf"]] = _TEXT, _NULL, _SCALAR
_ENDS = b",} \t\r\n"
# A quote inside a text, a NUL, and halves of characters, which may be without the other half.
_UNSURE_ESCAPES = (b'\\"', b"\\u0000", b"\\ud", b"\\uD")
_LONGEST_SCALAR = _LONGEST_KEY = 64


def read_sound_objects(
    block: bytes, first: Sequence[str], known: Iterable[str], codes: Collection[str]
) -> tuple[pa.Table, bool] | None:
    """The fields of a block in which every line is an object with known keys.

    None if that is not sure, if a value is nested, if an identifier is a number with a fraction or
    an exponent, or a boolean, or if some fields are null and others absent.

    Args:
        block: Whole lines.
        first: The keys of the first object.
        known: The keys of other ones.
        codes: The keys that name identifiers.

    Returns:
        The fields as text, and whether null means that an object lacks the field.
    """
    ends = line_ends(block)
    if ends is None or not (block.isascii() or _is_utf8(block)):
        return None
    # One byte is found much faster than two.
    if b"\\" in block and any(escape in block for escape in _UNSURE_ESCAPES):
        return None
    # A line end stands behind all that is looked at. Few blocks have to be copied for it.
    text = np.frombuffer(block if block.endswith(b"\n") else block + b"\n", np.uint8)
    closing = np.flatnonzero(text == ord(":")) - 1
    closing = closing[text[closing] == ord('"')]
    is_object = text[np.append(0, ends[:-1])] == ord("{")
    if not is_object.all() or _OPENS[text[closing - 1]].any():
        return None
    values = closing + 2
    values += text[values] == ord(" ")
    kinds = _VALUES[text[values]]
    # No object has a key twice, or Arrow refuses it: so many keys are all keys of all objects.
    has_gaps = len(closing) != len(ends) * len(first)
    if not kinds.all() or (has_gaps and _may_have_null(block, kinds)):
        return None
    is_scalar = kinds == _SCALAR
    if is_scalar.any():
        quoted = _quote(text, closing[is_scalar], values[is_scalar], codes)
        if quoted is None:
            return None
        text = quoted
    keys = list(dict.fromkeys([*first, *known])) if has_gaps else first
    table = _parse(text, keys, len(ends))
    return None if table is None else (table, has_gaps)


def _may_have_null(block: bytes, kinds: npt.NDArray[np.uint8]) -> bool:
    """Whether a field may be null; also behind a blank before the colon, which ends no key here."""
    return bool((kinds == _NULL).any()) or b" :" in block or b"\t:" in block


def _is_utf8(block: bytes) -> bool:
    try:
        block.decode()
    except UnicodeDecodeError:
        return False
    return True


def _parse(text: npt.NDArray[np.uint8], keys: Sequence[str], count: int) -> pa.Table | None:
    try:
        table = json.read_json(
            pa.BufferReader(text),
            json.ReadOptions(block_size=THREAD_BLOCK),
            json.ParseOptions(
                explicit_schema=pa.schema([(key, pa.string()) for key in keys]),
                unexpected_field_behavior="error",
            ),
        )
    except pa.ArrowInvalid:
        return None
    return table if table.num_rows == count else None


def _quote(
    text: npt.NDArray[np.uint8], closing: Positions, values: Positions, codes: Collection[str]
) -> npt.NDArray[np.uint8] | None:
    """The text with its numbers and booleans quoted; None if one is none or must not be read so.

    Args:
        text: The block.
        closing: Where the keys of these values end.
        values: Where the values begin.
        codes: The keys that name identifiers.
    """
    ends, states = _scan(text, values)
    if not _IS_SCALAR[states].all():
        return None
    others = closing[~_IS_INTEGER[states]]
    if len(others) and codes and _may_be_of(text, others, codes):
        return None
    return np.insert(text, np.concatenate([values, ends]), ord('"'))


def _may_be_of(text: npt.NDArray[np.uint8], closing: Positions, codes: Collection[str]) -> bool:
    """Whether one of the keys that end there may be one of these."""
    for code in codes:
        found = closing
        for place, letter in enumerate(reversed(f'"{code}"'.encode())):
            found = found[text[found - place] == letter]
        if len(found):
            return True
    # A key with an escape may be any.
    running = closing - 1
    for _ in range(_LONGEST_KEY):
        letters = text[running]
        if (letters == ord("\\")).any():
            return True
        running = running[letters != ord('"')] - 1
        if not len(running):
            return False
    return True


def _scan(text: npt.NDArray[np.uint8], values: Positions) -> tuple[Positions, Positions]:
    """Where numbers and booleans end, and the state of the automaton there."""
    ends, states = values.copy(), np.zeros(len(values), np.int64)
    running = np.arange(len(values))
    for _ in range(_LONGEST_SCALAR):
        letters = text[ends[running]]
        running = running[~_IS_END[letters]]
        if not len(running):
            return ends, states
        states[running] = _NEXT[states[running], text[ends[running]]]
        ends[running] += 1
    states[running] = _ERROR
    return ends, states


# The automaton of RFC 8259: what follows each state, by the letters that lead there.
_DIGITS = b"0123456789"
_STATES: dict[str, dict[bytes, str]] = {
    "start": {b"-": "minus", b"0": "zero", _DIGITS[1:]: "whole", b"t": "t", b"f": "f"},
    "minus": {b"0": "minus zero", _DIGITS[1:]: "whole"},
    # Read one by one, it is 0.
    "minus zero": {b".": "point", b"eE": "exponent"},
    "zero": {b".": "point", b"eE": "exponent"},
    "whole": {_DIGITS: "whole", b".": "point", b"eE": "exponent"},
    "point": {_DIGITS: "fraction"},
    "fraction": {_DIGITS: "fraction", b"eE": "exponent"},
    "exponent": {b"+-": "sign", _DIGITS: "power"},
    "sign": {_DIGITS: "power"},
    # With three digits, it may be no double.
    "power": {_DIGITS: "tens"},
    "tens": {},
    "t": {b"r": "tr"}, "tr": {b"u": "tru"}, "tru": {b"e": "true"}, "true": {},
    "f": {b"a": "fa"}, "fa": {b"l": "fal"}, "fal": {b"s": "fals"}, "fals": {b"e": "false"},
    "false": {},
    "error": {},
}  # fmt: skip
_NAMES = list(_STATES)
_ERROR = _NAMES.index("error")
_NEXT = np.full((len(_NAMES), 256), _ERROR)
for _no, _followers in enumerate(_STATES.values()):
    for _letters, _follower in _followers.items():
        _NEXT[_no, [*_letters]] = _NAMES.index(_follower)
_IS_INTEGER = np.isin(_NAMES, ["zero", "whole"])
_IS_SCALAR = np.isin(_NAMES, ["zero", "whole", "fraction", "power", "tens", "true", "false"])
_IS_END = np.isin(np.arange(256), [*_ENDS])
