"""Reads blocks of sound CSV lines as columns; most lines of most files are sound.

Arrow is much faster than `csv.reader`, but forgives what must be quarantined, and tells no line of
what it does not forgive. So it gets the blocks alone in which both read the same.
"""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from .lines import THREAD_BLOCK, line_ends

_QUOTE = ord('"')
# What a quote stands behind where it opens a field, and before where it closes one; a quote beside
# it is one that stands for itself.
_BEFORE_OPENING = np.isin(np.arange(256), [*b',\n"'])
_BEHIND_CLOSING = np.isin(np.arange(256), [*b',\r\n"'])


def read_sound_lines(
    block: bytes, names: Sequence[str], headers: Sequence[Sequence[str]]
) -> pa.Table | None:
    """The rows of a block in which every line is a sound row; None if one may not be.

    Args:
        block: Whole lines.
        names: The names of the columns.
        headers: Rows that are none: spellings of the header.
    """
    ends = line_ends(block)
    # Arrow drops the mark of a file's beginning from every block.
    if (
        ends is None
        or block.startswith(codecs.BOM_UTF8)
        or (b'"' in block and not _are_quotes_plain(block))
    ):
        return None
    try:
        table = csv.read_csv(
            pa.py_buffer(block),
            csv.ReadOptions(block_size=THREAD_BLOCK, column_names=names),
            csv.ParseOptions(newlines_in_values=False),
            csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid:
        return None
    # Fewer rows than lines: a line is empty, or a field goes on in the next one.
    is_sound = table.num_rows == len(ends) and not any(_has(table, row) for row in headers)
    return table if is_sound else None


def _are_quotes_plain(block: bytes) -> bool:
    """Whether quotes stand around whole fields alone."""
    text = np.frombuffer(b"\n" + block + b"\n", np.uint8)
    quotes = np.flatnonzero(text == _QUOTE)
    if len(quotes) % 2:
        return False
    opening, closing = quotes[::2], quotes[1::2]
    return bool(
        _BEFORE_OPENING[text[opening - 1]].all() and _BEHIND_CLOSING[text[closing + 1]].all()
    )


def _has(table: pa.Table, row: Sequence[str]) -> bool:
    """Whether a row is in a table."""
    first = pc.equal(table.column(0), row[0])
    if not pc.any(first).as_py():
        return False
    others = (pc.equal(table.column(no), row[no]) for no in range(1, len(row)))
    return bool(pc.any(reduce(pc.and_, others, first)).as_py())
