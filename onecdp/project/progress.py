"""Where the stages of a command report what they do; `onecdp.cli.progress` shows it."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Receives progress; safe to call from several threads."""

    def note(self, text: str) -> None:
        """Takes a line that must stay visible."""

    def update(self, text: str) -> None:
        """Takes the current step; the next one may replace it at once."""


class Silent:
    """Progress that shows nothing."""

    def note(self, text: str) -> None:
        """Ignores the line."""

    def update(self, text: str) -> None:
        """Ignores the step."""
