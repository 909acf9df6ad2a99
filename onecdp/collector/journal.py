"""The sink of files: what waits is written and synced at once, in segments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from onecdp.collector.group_commit import GroupCommit
from onecdp.collector.segments import SegmentWriter, close_abandoned, probe


class Journal(GroupCommit):
    """Writes JSON lines into files that `onecdp ingest` reads once they are closed."""

    def __init__(self, data: Path, max_bytes: int, max_seconds: float) -> None:
        """Sets where rows go, and when a segment ends; opens nothing.

        Args:
            data: The data folder of `onecdp ingest`.
            max_bytes: Size at which a segment is closed.
            max_seconds: Age at which it is closed.
        """
        super().__init__()
        self._data, self._max_bytes, self._max_seconds = data, max_bytes, max_seconds
        self._writers: dict[str, SegmentWriter] = {}

    def recover(self, folders: Iterable[str]) -> None:
        """Closes what earlier processes left open in these folders.

        Raises:
            OSError: A segment can't be closed.
        """
        for folder in folders:
            close_abandoned(self._data / folder)

    def commit(self, lines: Mapping[str, list[bytes]]) -> float | None:
        """Writes lines; returns the seconds until a segment ends by age, None if none is open."""
        for folder, parts in lines.items():
            if folder not in self._writers:
                self._writers[folder] = SegmentWriter(
                    self._data / folder, self._max_bytes, self._max_seconds
                )
            self._writers[folder].append(b"".join(parts))
        for writer in self._writers.values():
            writer.close_if_due()
        ends = [writer.due_in for writer in self._writers.values()]
        return min((end for end in ends if end is not None), default=None)

    def probe(self) -> None:
        """Tries whether the disk takes a file."""
        probe(self._data)

    def release(self) -> None:
        """Closes all segments."""
        for writer in self._writers.values():
            writer.close_if_due(force=True)

    @property
    def again_after(self) -> float | None:
        """A segment may be open, and has to end."""
        return self._max_seconds
