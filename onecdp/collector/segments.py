"""Append-only files of JSON lines that `onecdp ingest` reads once they are closed.

While a segment is written its name begins with a dot, so that no reader finds it. Closing renames
it. Its writer holds a lock on it, which the operating system releases when the process ends.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import os
import secrets
import tempfile
import time
from pathlib import Path

OPEN_SUFFIX = ".open"
_TAIL = 1 << 16


class Segment:
    """An open segment. Not for several threads at once."""

    def __init__(self, folder: Path) -> None:
        """Creates the file, locks it, and makes its name durable.

        Raises:
            OSError: It can't be created.
        """
        _make_folder(folder)
        stamp = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H-%M-%S")
        self._closed_path = folder / f"{stamp}-{secrets.token_hex(4)}.jsonl"
        self._path = open_path(self._closed_path)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        self._file = os.open(self._path, flags, 0o640)
        try:
            # Nobody waits for it: who else locks it takes it for abandoned and closes it.
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _sync_folder(folder)
            if os.fstat(self._file).st_nlink == 0 or not self._path.exists():
                raise BlockingIOError("the segment was closed by another process")
        except OSError:
            os.close(self._file)
            raise
        self.size = 0
        self.created = time.monotonic()

    def append(self, lines: bytes) -> None:
        """Writes whole lines; they are durable when it returns.

        Raises:
            OSError: They may not be durable. The segment must be closed.
        """
        rest = memoryview(lines)
        while rest:
            rest = rest[os.write(self._file, rest) :]
        os.fdatasync(self._file)
        self.size += len(lines)

    def close(self) -> None:
        """Shows the durable lines to readers, and drops what stands behind them.

        Raises:
            OSError: It stays hidden; `close_abandoned` closes it later.
        """
        try:
            # After a failed write or sync nobody knows what is on the disk behind the last success.
            if os.fstat(self._file).st_size > self.size:
                os.ftruncate(self._file, self.size)
                os.fsync(self._file)
            if self.size:
                self._path.rename(self._closed_path)
            else:
                self._path.unlink()
            _sync_folder(self._path.parent)
        finally:
            os.close(self._file)


def open_path(closed: Path) -> Path:
    """Where a segment is until it is closed."""
    return closed.with_name(f".{closed.name}{OPEN_SUFFIX}")


def close_abandoned(folder: Path) -> None:
    """Closes the segments of processes that ended without doing so.

    A last line that was not written whole was never acknowledged; it is cut off.

    Raises:
        OSError: One can't be closed.
    """
    for path in sorted(folder.glob(f".*.jsonl{OPEN_SUFFIX}")):
        try:
            file = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            continue
        try:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            if not path.exists():
                continue
            end = _end_of_lines(file)
            os.ftruncate(file, end)
            os.fsync(file)
            if end:
                path.rename(path.with_name(path.name[1 : -len(OPEN_SUFFIX)]))
            else:
                path.unlink()
            _sync_folder(folder)
        finally:
            os.close(file)


def probe(folder: Path) -> None:
    """Writes something into the folder, and removes it.

    Raises:
        OSError: It could not be made durable.
    """
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(bytes(_TAIL))
        file.flush()
        os.fsync(file.fileno())


def _end_of_lines(file: int) -> int:
    """The size up to the last line end."""
    end = os.fstat(file).st_size
    while end:
        start = max(0, end - _TAIL)
        found = os.pread(file, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _make_folder(folder: Path) -> None:
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in missing:
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Makes the names in a folder durable."""
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


class SegmentWriter:
    """Writes to one segment after the other; a segment ends by size or age."""

    def __init__(self, folder: Path, max_bytes: int, max_seconds: float) -> None:
        """Sets where the segments are and when they end; creates none."""
        self._folder, self._max_bytes, self._max_seconds = folder, max_bytes, max_seconds
        self._segment: Segment | None = None
        self._try_again_at: float | None = None

    @property
    def due_in(self) -> float | None:
        """Seconds until a segment is to be closed; None if none is open or could not be closed."""
        ends = [] if self._try_again_at is None else [self._try_again_at]
        if self._segment is not None:
            ends.append(self._segment.created + self._max_seconds)
        return max(0.0, min(ends) - time.monotonic()) if ends else None

    def append(self, lines: bytes) -> None:
        """Writes whole lines; they are durable when it returns.

        Raises:
            OSError: They may not be durable; the next call starts another segment.
        """
        if self._segment is None:
            self._segment = Segment(self._folder)
        try:
            self._segment.append(lines)
        except Exception:
            # Hidden until somebody can close it; the lines before are durable.
            with contextlib.suppress(OSError):
                self.close()
            raise
        if self._segment.size >= self._max_bytes:
            self.close_if_due(force=True)

    def close_if_due(self, force: bool = False) -> None:
        """Closes the segment if its time has come, and those that could not be closed before.

        What can't be closed keeps its durable lines, hidden until it can.
        """
        now = time.monotonic()
        if self._try_again_at is not None and (force or self._try_again_at <= now):
            self._try_again_at = now + self._max_seconds
            with contextlib.suppress(OSError):
                close_abandoned(self._folder)
                self._try_again_at = None
        if self._segment and (force or self._segment.created + self._max_seconds <= now):
            with contextlib.suppress(OSError):
                self.close()

    def close(self) -> None:
        """Closes the open segment, if there is one.

        Raises:
            OSError: It stays hidden, with its durable lines.
        """
        segment, self._segment = self._segment, None
        if segment is not None:
            self._try_again_at, before = time.monotonic() + self._max_seconds, self._try_again_at
            segment.close()
            self._try_again_at = before
