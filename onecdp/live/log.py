"""The files of the collector's log as partitions, read from a position on.

A partition is a file, named by its path below the data folder; its position is a byte. The one that
is written now has another name until it is closed, and is the same partition. Only whole lines are
read, so a position is always at the start of a line.
"""

from __future__ import annotations

import os
import time
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from onecdp.collector.segments import OPEN_SUFFIX

READ_BYTES = 1 << 22
_ROUNDED_SECONDS = 3
"""So far apart, two changes of a folder have two times."""


@dataclass(frozen=True)
class Chunk:
    """Whole lines of one partition.

    Attributes:
        partition: Its name.
        position: Where the next chunk begins.
        lines: Without their ends, each with the position behind it, or behind the chunk where the
            warehouse takes in whole partitions.
    """

    partition: str
    position: int
    lines: list[tuple[int, bytes]]


@dataclass(frozen=True)
class Done:
    """What no window reaches and the published warehouse counts.

    Attributes:
        taken_in: The partitions that it has read.
        before: Of them, those that were last written before, seconds since 1970.
    """

    taken_in: Container[str]
    before: float


class FileLog:
    """The files of one folder of the collector."""

    def __init__(self, data: Path, folder: str) -> None:
        """Reads nothing yet.

        Args:
            data: The data folder, that `onecdp ingest --data` reads.
            folder: Below it: `SOURCE/collector`.
        """
        self._folder = data / folder
        self._prefix = folder + "/"
        # By the names that files have when they are closed.
        self._there: set[str] = set()
        self._read_whole: set[str] = set()
        # Those to read, oldest first, and the time of the folder when it was listed: a month of
        # files takes longer to list than the pause between two calls.
        self._pending: list[str] = []
        self._listed_at: int | None = None

    @property
    def is_caught_up(self) -> bool:
        """Whether a call of `read` ends where the files end."""
        return True

    def read(self, positions: Mapping[str, int], done: Done) -> Iterator[Chunk]:
        """Yields what is new behind the positions, oldest file first; a missing one is 0.

        A file that can't be opened any more was renamed or deleted: the next call sees.

        Args:
            positions: Where to go on, by partition.
            done: Which files need not be read at all.
        """
        self._list()
        for name in self._pending:
            closed = _closed_name(name)
            partition = self._prefix + closed
            if partition not in positions and self._is_done(name, partition, done):
                self._read_whole.add(closed)
            else:
                yield from self._read(name, closed, positions.get(partition, 0))

    def has(self, partition: str) -> bool:
        """Returns whether a partition may be read again: its file is there, or all are away."""
        is_own = partition.startswith(self._prefix)
        return is_own and (not self._there or partition.removeprefix(self._prefix) in self._there)

    def _list(self) -> None:
        """Looks which files there are, unless the folder is as it was."""
        try:
            changed_at = self._folder.stat().st_mtime_ns
            if changed_at != self._listed_at:
                is_over = time.time_ns() > changed_at + _ROUNDED_SECONDS * 10**9
                self._pending = sorted(os.listdir(self._folder), key=_closed_name)  # noqa: PTH208
                self._there = {*map(_closed_name, self._pending)}
                self._read_whole &= self._there
                self._listed_at = changed_at if is_over else None
        except FileNotFoundError:
            self._there, self._pending, self._listed_at = set(), [], None
        closed = map(_closed_name, self._pending)
        self._pending = [
            name
            for name, each in zip(self._pending, closed, strict=True)
            if each.endswith(".jsonl") and each not in self._read_whole
        ]

    def _is_done(self, name: str, partition: str, done: Done) -> bool:
        try:
            written = (self._folder / name).stat().st_mtime
        except FileNotFoundError:
            return False
        return partition in done.taken_in and written < done.before

    def _read(self, name: str, closed: str, position: int) -> Iterator[Chunk]:
        try:
            file = os.open(self._folder / name, os.O_RDONLY)
        except FileNotFoundError:
            return
        try:
            while block := os.pread(file, READ_BYTES, position):
                end = block.rfind(b"\n") + 1
                if not end:
                    break
                position += end
                lines = [(position, line) for line in block[: end - 1].split(b"\n")]
                yield Chunk(self._prefix + closed, position, lines)
            if name == closed:
                # Nothing is written to it any more.
                self._read_whole.add(closed)
        finally:
            os.close(file)


def _closed_name(name: str) -> str:
    is_open = name.startswith(".") and name.endswith(OPEN_SUFFIX)
    return name[1 : -len(OPEN_SUFFIX)] if is_open else name
