r"""Rows as lines of text, in the format that COPY and LOAD DATA have as their default.

Values are separated by tabs, null is `\N`, and a backslash escapes itself, tabs and line ends.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_ESCAPES = (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"))


def as_lines(rows: pa.Table) -> bytes | memoryview:
    """Returns the rows as lines in UTF-8, each ended by a line feed.

    Text loses NUL characters, which PostgreSQL can't store.
    """
    texts = [_text(column) for column in rows.combine_chunks().columns]
    if not rows.num_rows:
        return b""
    joined = pc.binary_join_element_wise(
        *texts, "\t", null_handling="replace", null_replacement="\\N"
    )
    lines = pa.concat_arrays(pc.binary_join_element_wise(joined, "", "\n").chunks)
    # The texts of an Arrow array stand one after the other: that is the file.
    _, offsets, data = lines.buffers()
    end = int(np.frombuffer(offsets, np.int32)[lines.offset + len(lines)])
    return memoryview(data)[:end]


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_boolean(column.type):
        # Both servers read it as a boolean.
        return column.cast(pa.int8()).cast(pa.string())
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return column.cast(pa.string())
    text = column.cast(pa.string())
    if pc.any(pc.match_substring_regex(text, r"[\\\t\n\r\x00]")).as_py():
        text = pc.replace_substring(text, "\x00", "")
        for char, escape in _ESCAPES:
            text = pc.replace_substring(text, char, escape)
    return text
