"""Group commit: everything that waits is made durable at once, then acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

log = logging.getLogger("onecdp.collector")

MAX_WAITING = 64 << 20
"""Bytes that may wait; beyond, requests are told to come again."""


class NotDurable(Exception):
    """Rows could not be made durable; nothing of them may be acknowledged."""


class TooBusy(Exception):
    """So much waits that no more is taken."""


class GroupCommit(ABC):
    """A durable sink of one process. Used within one event loop; one thread does the writing."""

    def __init__(self) -> None:
        """Starts the thread with the first rows."""
        self._lines: dict[str, list[bytes]] = defaultdict(list)
        self._waiting: list[asyncio.Future[None]] = []
        self._bytes = 0
        self._is_writing = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._stopping = False
        self._writer = ThreadPoolExecutor(1, "sink")
        self._timer: asyncio.TimerHandle | None = None
        self.is_healthy = True
        """Whether the last rows became durable."""

    @abstractmethod
    def commit(self, lines: Mapping[str, list[bytes]]) -> float | None:
        """Makes lines durable; returns the seconds until it must be called again without any.

        Raises:
            NotDurable: It can't; any other error means the same.
        """

    @abstractmethod
    def probe(self) -> None:
        """Tries whether lines could be made durable.

        Raises:
            NotDurable: They could not; so does an OSError.
        """

    @abstractmethod
    def release(self) -> None:
        """Closes what is open; no line waits any more."""

    async def stop(self) -> None:
        """Makes what waits durable and closes what is open."""
        self._stopping = True
        await self._idle.wait()
        self._cancel_timer()
        await asyncio.get_running_loop().run_in_executor(self._writer, self.release)
        self._writer.shutdown()

    def close(self) -> None:
        """Closes what is open where the event loop ended before `stop`, as at a second signal."""
        with contextlib.suppress(RuntimeError):  # it has been stopped
            self._writer.submit(self.release).result()
            self._writer.shutdown()

    async def check(self) -> bool:
        """Whether rows can be made durable; tries it where the last ones could not."""
        if not self.is_healthy and not self._stopping:
            loop = asyncio.get_running_loop()
            try:
                await loop.run_in_executor(self._writer, self.probe)
            except (OSError, NotDurable):
                return False
            self._tell(None)
        return self.is_healthy

    async def append(self, rows: Mapping[str, bytes]) -> None:
        """Returns when the rows are durable.

        Args:
            rows: Whole JSON lines, by the folder below the data folder.

        Raises:
            NotDurable: They could not be made durable.
            TooBusy: Too much waits.
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
            # Behind the other requests that are here by now: each write costs a sync.
            self._is_writing = True
            self._idle.clear()
            self._cancel_timer()
            asyncio.get_running_loop().call_soon(self._write)
        await durable

    def _write(self) -> None:
        """Hands everything that waits to the thread, while the event loop goes on."""
        lines, self._lines = self._lines, defaultdict(list)
        waiting, self._waiting = self._waiting, []
        self._bytes, self._is_writing = 0, True
        self._idle.clear()
        self._cancel_timer()
        writing = asyncio.get_running_loop().run_in_executor(self._writer, self.commit, lines)
        writing.add_done_callback(partial(self._written, waiting))

    def _written(
        self, waiting: list[asyncio.Future[None]], writing: asyncio.Future[float | None]
    ) -> None:
        """Acknowledges what was written, and goes on with what waits by now."""
        self._is_writing, failure, next_end = False, None, None
        try:
            next_end = writing.result()
        except NotDurable as error:
            failure = error
        except Exception as error:
            # Also what nobody foresaw: who waits must hear of it, and nothing is acknowledged.
            reason = error.strerror if isinstance(error, OSError) else None
            failure = NotDurable(reason or type(error).__name__)
        if failure is not None:
            next_end = self.again_after
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

    @property
    def again_after(self) -> float | None:
        """After a failure, the seconds until `commit` is called again without a line."""
        return None

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
