"""Group commit: everything that waits is written and synced at once, then acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

from onecdp.collector.segments import SegmentWriter, close_abandoned, probe

log = logging.getLogger("onecdp.collector")

MAX_WAITING = 64 << 20
"""Bytes that may wait for the disk; beyond, requests are told to come again."""


class NotDurable(Exception):
    """Rows could not be made durable; nothing of them may be acknowledged."""


class TooBusy(Exception):
    """So much waits for the disk that no more is taken."""


class Sink(Protocol):
    """Takes rows for the sources."""

    async def append(self, rows: Mapping[str, bytes]) -> None:
        """Returns when the rows are durable: JSON lines by the folder below the data folder."""
        ...

    async def check(self) -> bool:
        """Whether rows can be made durable."""
        ...


class Journal:
    """The durable sink of one process. Used within one event loop."""

    def __init__(self, data: Path, max_bytes: int, max_seconds: float) -> None:
        """Sets where rows go, and when a segment ends; opens nothing.

        Args:
            data: The data folder of `onecdp ingest`.
            max_bytes: Size at which a segment is closed.
            max_seconds: Age at which it is closed.
        """
        self._data, self._max_bytes, self._max_seconds = data, max_bytes, max_seconds
        self._writers: dict[str, SegmentWriter] = {}
        self._lines: dict[str, list[bytes]] = defaultdict(list)
        self._waiting: list[asyncio.Future[None]] = []
        self._bytes = 0
        self._wake = asyncio.Event()
        self._stopping = False
        self._disk = ThreadPoolExecutor(1, "journal")
        self._task: asyncio.Task[None] | None = None
        self.is_healthy = True
        """Whether the last rows became durable."""

    def recover(self, folders: Iterable[str]) -> None:
        """Closes what earlier processes left open in these folders.

        Raises:
            OSError: A segment can't be closed.
        """
        for folder in folders:
            close_abandoned(self._data / folder)

    def start(self) -> None:
        """Begins to take rows, in the running event loop."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Makes what waits durable and closes all segments."""
        self._stopping = True
        self._wake.set()
        if self._task is not None:
            await self._task
        self._disk.shutdown()

    async def check(self) -> bool:
        """Whether rows can be made durable; tries it where the last ones could not."""
        if not self.is_healthy and not self._stopping:
            loop = asyncio.get_running_loop()
            try:
                await loop.run_in_executor(self._disk, probe, self._data)
            except OSError:
                return False
            self._tell(None)
        return self.is_healthy

    async def append(self, rows: Mapping[str, bytes]) -> None:
        """Returns when the rows are durable.

        Args:
            rows: Whole JSON lines, by the folder below the data folder.

        Raises:
            NotDurable: The disk failed.
            TooBusy: Too much waits for the disk.
        """
        if not rows:
            return
        if self._bytes > MAX_WAITING:
            raise TooBusy
        if self._stopping:
            raise NotDurable("the collector is stopping")
        for folder, lines in rows.items():
            self._lines[folder].append(lines)
            self._bytes += len(lines)
        durable = asyncio.get_running_loop().create_future()
        self._waiting.append(durable)
        self._wake.set()
        await durable

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while not (self._stopping and not self._waiting):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), self._next_end())
            self._wake.clear()
            lines, self._lines = self._lines, defaultdict(list)
            waiting, self._waiting = self._waiting, []
            self._bytes = 0
            try:
                await loop.run_in_executor(self._disk, self._commit, lines)
                failure = None
            except OSError as error:
                failure = NotDurable(error.strerror or type(error).__name__)
            self._tell(failure)
            for durable in waiting:
                if durable.done():
                    continue
                if failure is None:
                    durable.set_result(None)
                else:
                    durable.set_exception(failure)
        await loop.run_in_executor(self._disk, self._close)

    def _tell(self, failure: NotDurable | None) -> None:
        """Logs where writing begins to fail, and where it works again."""
        if failure is not None and self.is_healthy:
            log.error("events can't be written: %s", failure)
        elif failure is None and not self.is_healthy:
            log.warning("events are written again")
        self.is_healthy = failure is None

    def _next_end(self) -> float | None:
        """Seconds until the first segment ends by age."""
        ends = [writer.due_in for writer in self._writers.values()]
        return min((end for end in ends if end is not None), default=None)

    def _commit(self, lines: Mapping[str, list[bytes]]) -> None:
        for folder, parts in lines.items():
            if folder not in self._writers:
                self._writers[folder] = SegmentWriter(
                    self._data / folder, self._max_bytes, self._max_seconds
                )
            self._writers[folder].append(b"".join(parts))
        for writer in self._writers.values():
            writer.close_if_due()

    def _close(self) -> None:
        for writer in self._writers.values():
            writer.close_if_due(force=True)
