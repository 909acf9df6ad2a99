"""The files of the collector's log as partitions, read from a position on.

A partition is a file, named by its path below the data folder; its position is a byte. The one that
is written now has another name until it is closed, and is the same partition. Only whole lines are
read, so a position is always at the start of a line.
"""

from __future__ import annotations

import os
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from onecdp.collector.segments import OPEN_SUFFIX

READ_BYTES = 1 << 22


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
        self._read_whole: set[str] = set()

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
        try:
            names = sorted((path.name for path in self._folder.iterdir()), key=_closed_name)
        except FileNotFoundError:
            return
        for name in names:
            closed = _closed_name(name)
            if closed.endswith(".jsonl") and closed not in self._read_whole:
                partition = self._prefix + closed
                if partition not in positions and self._is_done(name, partition, done):
                    self._read_whole.add(closed)
                else:
                    yield from self._read(name, closed, positions.get(partition, 0))

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
