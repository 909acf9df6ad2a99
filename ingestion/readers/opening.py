"""Opens a file for reading, after a look whether its content is what its name says."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from ..landing.arrivals import Refused
from .discover import SourceFile

PEEK = 1 << 16

SIGNATURES = {
    b"\x1f\x8b": "gzip data",
    b"PAR1": "a Parquet file",
    b"PK\x03\x04": "a zip archive or an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook (.xls); save it as .xlsx",
    b"%PDF": "a PDF",
}
EXPECTED = {"parquet": "a Parquet file", "xlsx": "a zip archive or an Excel workbook"}


@contextmanager
def opened(file: SourceFile) -> Iterator[BinaryIO]:
    """Opens `file` as a stream of its uncompressed bytes.

    Raises:
        Refused: it is empty, damaged, unreadable, or not what its name says; also when the
            damage shows only later, while the stream is read inside the `with`.
    """
    try:
        with file.open() as raw:
            if file.compressed and (head := raw.read(2)) != b"\x1f\x8b":
                raise Refused(
                    "is empty" if not head else "is named .gz, but does not hold gzip data"
                )
            raw.seek(0)
            plain = gzip.GzipFile(fileobj=raw) if file.compressed else raw
            stream = io.BufferedReader(cast(io.RawIOBase, plain), PEEK)
            _check_content(file, stream.peek(PEEK))
            yield cast(BinaryIO, stream)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise Refused(f"is a truncated or damaged .gz file ({error})") from error
    except OSError as error:
        raise Refused(f"cannot be read ({error.strerror or error})") from error


def _check_content(file: SourceFile, head: bytes) -> None:
    if not head:
        raise Refused("is empty")
    found = next((what for sign, what in SIGNATURES.items() if head.startswith(sign)), None)
    if found is None and b"\0" in head:
        utf16 = head.startswith((b"\xff\xfe", b"\xfe\xff"))
        found = "UTF-16 text; save it as UTF-8" if utf16 else "binary data"
    if found != EXPECTED.get(file.format):
        raise Refused(f"is named .{file.format}, but holds {found or 'plain text'}")
