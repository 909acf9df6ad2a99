"""Progress on stderr: a live line on a terminal, short lines elsewhere. stdout is for data."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from onecdp.project.progress import Progress

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status

_HEARTBEAT_SECONDS = 5.0


class LineProgress:
    """Progress for logs: notes are lines, updates become a line every few seconds at most."""

    def __init__(self) -> None:
        """Starts the heartbeat interval now."""
        self._lock = threading.Lock()
        self._last = time.monotonic()

    def note(self, text: str) -> None:
        """Writes a line to stderr."""
        with self._lock:
            sys.stderr.write(f"{text}\n")
            sys.stderr.flush()
            self._last = time.monotonic()

    def update(self, text: str) -> None:
        """Writes a line to stderr unless one was written within the heartbeat interval."""
        with self._lock:
            is_due = time.monotonic() - self._last >= _HEARTBEAT_SECONDS
            self._last = time.monotonic() if is_due else self._last
        if is_due:
            self.note(text)


class LiveProgress:
    """Progress for a terminal: one moving line at the bottom, notes above it."""

    def __init__(self, console: Console, status: Status) -> None:
        """Takes a console on stderr and its running status."""
        self._console = console
        self._status = status

    def note(self, text: str) -> None:
        """Writes a line above the moving one."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def update(self, text: str) -> None:
        """Replaces the moving line."""
        from rich.markup import escape

        self._status.update(escape(text))


@contextmanager
def progress(*, is_live: bool = True) -> Iterator[Progress]:
    """Yields the progress that suits stderr.

    Args:
        is_live: Whether a moving line may be drawn; a command that asks a question says no,
            because the line would overwrite the question.
    """
    if not is_live or not sys.stderr.isatty():
        yield LineProgress()
        return
    from rich.console import Console

    console = Console(stderr=True)
    with console.status("starting") as status:
        yield LiveProgress(console, status)
