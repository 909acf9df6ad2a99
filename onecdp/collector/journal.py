"""Group commit: everything that waits is written and synced at once, then acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
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
    """The durable sink of one process. Used within one event loop; one thread does the writing."""

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
        self._is_writing = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._stopping = False
        self._disk = ThreadPoolExecutor(1, "journal")
        self._timer: asyncio.TimerHandle | None = None
        self.is_healthy = True
        """Whether the last rows became durable."""

    def recover(self, folders: Iterable[str]) -> None:
        """Closes what earlier processes left open in these folders.

        Raises:
            OSError: A segment can't be closed.
        """
        for folder in folders:
            close_abandoned(self._data / folder)

    async def stop(self) -> None:
        """Makes what waits durable and closes all segments."""
        self._stopping = True
        await self._idle.wait()
        self._cancel_timer()
        await asyncio.get_running_loop().run_in_executor(self._disk, self._close)
        self._disk.shutdown()

    def close(self) -> None:
        """Closes all segments where the event loop ended before `stop`, as at a second signal."""
        with contextlib.suppress(RuntimeError):  # it has been stopped
            self._disk.submit(self._close).result()
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
        if not self._is_writing:
            self._write()
        await durable

    def _write(self) -> None:
        """Hands everything that waits to the disk, while the event loop goes on."""
        lines, self._lines = self._lines, defaultdict(list)
        waiting, self._waiting = self._waiting, []
        self._bytes, self._is_writing = 0, True
        self._idle.clear()
        self._cancel_timer()
        writing = asyncio.get_running_loop().run_in_executor(self._disk, self._commit, lines)
        writing.add_done_callback(partial(self._written, waiting))

    def _written(
        self, waiting: list[asyncio.Future[None]], writing: asyncio.Future[float | None]
    ) -> None:
        """Acknowledges what was written, and goes on with what waits by now."""
        self._is_writing, failure, next_end = False, None, None
        try:
            next_end = writing.result()
        except Exception as error:
            # Also what nobody foresaw: who waits must hear of it, and nothing is acknowledged.
            reason = error.strerror if isinstance(error, OSError) else None
            failure = NotDurable(reason or type(error).__name__)
            next_end = self._max_seconds
        self._tell(failure)
        for durable in waiting:
            # Who has gone away waits no more.
            if durable.done():
                continue
            if failure is None:
                durable.set_result(None)
            else:
                durable.set_exception(failure)
        if self._waiting:
            self._write()
            return
        self._idle.set()
        if next_end is not None and not self._stopping:
            self._timer = asyncio.get_running_loop().call_later(next_end, self._write)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tell(self, failure: NotDurable | None) -> None:
        """Logs where writing begins to fail, and where it works again."""
        if failure is not None and self.is_healthy:
            log.error("events can't be written: %s", failure)
        elif failure is None and not self.is_healthy:
            log.warning("events are written again")
        self.is_healthy = failure is None

    def _commit(self, lines: Mapping[str, list[bytes]]) -> float | None:
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

    def _close(self) -> None:
        for writer in self._writers.values():
            writer.close_if_due(force=True)
