"""What a destination is, and what it is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

import pyarrow as pa

from onecdp.destinations.selection import Selection
from onecdp.errors import OnecdpError


class Interrupted(OnecdpError):
    """A delivery that failed for a reason that may pass, such as a server that restarts.

    Nothing of the batches that were not confirmed has stayed; the delivery is tried again.
    """


class Action(StrEnum):
    """What became of the rows of a batch since the last delivery."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"
    ALL = "all"
    """Every row, whatever became of it: for destinations that are `sends_all`."""


@dataclass(frozen=True)
class Batch:
    """Rows to send.

    Attributes:
        action: What to do with them.
        one_ids: Whose they are, text, one per row.
        rows: The selection's columns; of removed rows its key, or what it is `removed_by`.
    """

    action: Action
    one_ids: pa.ChunkedArray
    rows: pa.Table


@dataclass(frozen=True)
class Delivery:
    """What is delivered.

    Attributes:
        number: How many deliveries of this selection this destination has had, with this one.
        selection: Who is delivered, and with which columns.
        schema: The selection's columns.
        as_of: The as-of date of the marts; None where they don't say.
        is_whole: Whether rows that the target has and the selection has not are to go, whoever
            wrote them (`--full`).
        read_lengths: Returns the longest text of each text column, in characters.
    """

    number: int
    selection: Selection
    schema: pa.Schema
    as_of: datetime | None
    is_whole: bool
    read_lengths: Callable[[], Mapping[str, int]]


class Destination(Protocol):
    """Somewhere to deliver to. One is made for each delivery, and closed after it.

    `prepare` comes first, then `send` for each batch, then `receipt`. Rows are remembered as
    delivered when `receipt` has returned; where `confirms_batches`, those of a batch when `send`
    has. A delivery that was killed or failed before is sent again, so that it must be harmless to
    get a row twice, or the removal of a row that isn't there.

    Attributes:
        address: Where it delivers to, without any secret. What was delivered is remembered by it.
        batch_rows: The most rows of a batch.
        sends_all: Whether it gets every row at each delivery, not only what has changed.
        confirms_batches: See above.
    """

    address: str
    batch_rows: int
    sends_all: bool
    confirms_batches: bool

    def prepare(self, delivery: Delivery) -> bool:
        """Makes ready for the rows; returns whether the target is new, so that all must be sent.

        Raises:
            Interrupted: It may work later.
            OnecdpError: It can't work, such as for a permission that was refused.
        """
        ...

    def send(self, batch: Batch) -> bool:
        """Sends a batch; returns whether it was taken, or set aside by the destination.

        Raises:
            Interrupted, OnecdpError: As for `prepare`.
        """
        ...

    def receipt(self) -> Mapping[str, Any]:
        """Completes the delivery; returns what else there is to tell, such as names of files.

        Raises:
            Interrupted, OnecdpError: As for `prepare`.
        """
        ...

    def close(self) -> None:
        """Lets go of everything; what was not completed is undone. Never raises."""
        ...
