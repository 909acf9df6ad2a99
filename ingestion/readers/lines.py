"""Text files in blocks of whole lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from ..landing.arrivals import MAX_RECORD, Refused

MAX_LINE = 64 << 20
"""A line longer than this many bytes is no line: the file is refused."""
BLOCK = 8 << 20
# What one thread reads of a block at a time; a line must fit into it.
THREAD_BLOCK = 2 << 20
PIECE = 1 << 16
# The reader of a header goes on line by line to the end of the header's block.
FIRST_BLOCK = 1 << 12


def text_blocks(stream: BinaryIO) -> Iterator[bytes]:
    r"""Yields a stream in blocks of whole lines with their ends, about 8 MiB at a time.

    A line ends with `\n`, `\r\n` or, as old exports of spreadsheets have it, `\r` alone.

    Raises:
        Refused: a line is longer than MAX_LINE.
    """
    number, rest, size = 0, b"", FIRST_BLOCK
    while block := stream.read(size):
        size = BLOCK
        text = rest + block
        # The last line may go on in the next block, and its `\r` with `\n`.
        end = max(text.rfind(b"\n"), text.rfind(b"\r", 0, len(text) - 1)) + 1
        whole, rest = text[:end], text[end:]
        if len(rest) > MAX_LINE:
            number += len(whole.splitlines())
            raise Refused(f"line {number + 1} is longer than {MAX_LINE >> 20} MiB")
        if whole:
            number += whole.count(b"\n")
            if b"\r" in whole:
                number += whole.count(b"\r") - whole.count(b"\r\n")
            yield whole
    if rest:
        yield rest


def pieces(block: bytes) -> Iterator[bytes]:
    """Yields a block in pieces of whole lines, about 64 KiB at a time."""
    start = 0
    while start < len(block):
        end = block.find(b"\n", start + PIECE) + 1 or len(block)
        yield block[start:end]
        start = end


def line_ends(block: bytes) -> npt.NDArray[np.int64] | None:
    r"""The positions behind the lines of a block, which all end with `\n` or `\r\n`.

    None if there are others, or if a line is too long or has a NUL byte: such lines are read one by
    one.
    """
    if b"\0" in block or (b"\r" in block and block.count(b"\r") != block.count(b"\r\n")):
        return None
    ends = np.flatnonzero(np.frombuffer(block, np.uint8) == ord("\n")) + 1
    if not block.endswith(b"\n"):
        ends = np.append(ends, len(block))
    if np.diff(ends, prepend=0).max(initial=0) > MAX_RECORD:
        return None
    return ends
