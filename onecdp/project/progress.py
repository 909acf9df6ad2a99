"""What the user sees while a command works: a live line on a terminal, short lines elsewhere.

Everything here goes to stderr; stdout is for data.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status

_HEARTBEAT_SECONDS = 5.0


class Progress(Protocol):
    """Where a stage reports to; safe to call from several threads."""

    def note(self, text: str) -> None:
        """Writes a line that stays."""

    def update(self, text: str) -> None:
        """Says what is being done just now; may be replaced by the next one at once."""


class LineProgress:
    """Progress for logs: notes are lines, updates become a line every few seconds at most."""

    def __init__(self) -> None:
        """Starts to count the silence now."""
        self._one_at_a_time = threading.Lock()
        self._last = time.monotonic()

    def note(self, text: str) -> None:
        """Writes a line to stderr."""
        with self._one_at_a_time:
            sys.stderr.write(f"{text}\n")
            sys.stderr.flush()
            self._last = time.monotonic()

    def update(self, text: str) -> None:
        """Writes a line to stderr if it was quiet for a while."""
        with self._one_at_a_time:
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
def progress() -> Iterator[Progress]:
    """Gives the progress that suits stderr."""
    if not sys.stderr.isatty():
        yield LineProgress()
        return
    from rich.console import Console

    console = Console(stderr=True)
    with console.status("starting") as status:
        yield LiveProgress(console, status)
