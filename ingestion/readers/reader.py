"""What every reader is: it says which places hold rows of a source's tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..declaration import TableSpec
from ..landing.arrivals import Arrivals, Ledger, Notify


@dataclass(frozen=True)
class Context:
    """What a reader may use.

    Attributes:
        folder: The source's folder below the data folder; need not exist.
        loaded: The places that were loaded before, and the positions of streams.
        scratch: A folder for what has to be unpacked; lasts as long as the load.
        notify: Gets what the user should know.
    """

    folder: Path
    loaded: Ledger
    scratch: Path
    notify: Notify


class Reader(Protocol):
    """Reads the places of a source."""

    def arrivals(self, tables: Sequence[TableSpec], context: Context) -> Mapping[str, Arrivals]:
        """Lists the places of every table, by the table's name; reads no row of them yet."""
        ...
