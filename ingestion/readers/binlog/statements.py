"""Statements in the binary log: they change a table itself, or rows that the log does not tell."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pymysqlreplication.event import ExecuteLoadQueryEvent, QueryEvent

if TYPE_CHECKING:
    from .log import Changes, Position

_CHANGES = re.compile(
    r"\b(alter|create|drop|rename|truncate|insert|update|delete|replace|load)\b", re.IGNORECASE
)
_ROWS = ("INSERT", "UPDATE", "DELETE", "REPLACE", "LOAD")
_DISTRIBUTED = re.compile(r"\s*xa\s+(start|begin|commit)\s+(.*)", re.IGNORECASE | re.DOTALL)


class Statements:
    """Notes which tables must be read as a whole because of statements."""

    def __init__(self, changes: Mapping[tuple[str, str], Changes]) -> None:
        """Sets the changes of each table, by schema and name."""
        self._changes = changes
        self._started: dict[str, Position] = {}

    def note(self, event: QueryEvent | ExecuteLoadQueryEvent, at: Position) -> None:
        """Notes a statement that ends at a position."""
        if isinstance(event, ExecuteLoadQueryEvent):
            for one in self._changes.values():
                _mark(one, at, "LOAD")
            return
        text, schema = _text(event.query), _text(event.schema)
        if distributed := _DISTRIBUTED.match(text):
            self._note_distributed(distributed[1].upper(), distributed[2], at)
        elif verb := _CHANGES.search(text):
            self._note_change(verb[0].upper(), schema, text, at)

    def _note_distributed(self, verb: str, name: str, at: Position) -> None:
        """A distributed transaction is in the log when it is prepared, long before its commit.

        Rows that were read in between are those of before.
        """
        if verb != "COMMIT":
            self._started[name] = at
            return
        started = self._started.pop(name, None)
        for one in self._changes.values():
            if started is None or started <= one.since:
                _mark(one, at, "XA COMMIT")

    def _note_change(self, verb: str, schema: str, text: str, at: Position) -> None:
        for (own, table), one in self._changes.items():
            names = rf"(?<!\w)({re.escape(table)}|{re.escape(own)})(?!\w)"
            # Rows may be changed by their name in a view, or by a trigger.
            is_near = verb in _ROWS and schema.casefold() == own.casefold()
            if is_near or re.search(names, text, re.IGNORECASE):
                _mark(one, at, verb)


def _mark(changes: Changes, at: Position, verb: str) -> None:
    if changes.counts(at):
        changes.mark_whole(f"was changed by {verb}")


def _text(stated: bytes | str) -> str:
    return stated.decode(errors="replace") if isinstance(stated, bytes) else stated
