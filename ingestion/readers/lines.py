"""The physical lines of a text file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from ..landing.arrivals import Refused

MAX_LINE = 64 << 20
"""A line longer than this many bytes is no line: the file is refused."""
BLOCK = 1 << 20
# The reader of a header goes on line by line to the end of the header's block.
FIRST_BLOCK = 1 << 12


def line_blocks(stream: BinaryIO) -> Iterator[list[bytes]]:
    r"""Yields the lines of a stream with their ends, about 1 MiB at a time.

    A line ends with `\n`, `\r\n` or, as old exports of spreadsheets have it, `\r` alone.

    Raises:
        Refused: a line is longer than MAX_LINE.
    """
    number, rest, size = 0, b"", FIRST_BLOCK
    while block := stream.read(size):
        size = BLOCK
        lines = (rest + block).splitlines(keepends=True)
        # The last line may go on in the next block, and its `\r` with `\n`.
        rest = b"" if lines[-1].endswith(b"\n") else lines.pop()
        number += len(lines)
        if len(rest) > MAX_LINE:
            raise Refused(f"line {number + 1} is longer than {MAX_LINE >> 20} MiB")
        if lines:
            yield lines
    if rest:
        yield [rest]
