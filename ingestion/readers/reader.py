"""What every reader is: it says which places hold rows of a source's tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from ..declaration import TableSpec
from ..landing.arrivals import Arrivals, Ledger, Notify

FindGone = Callable[[TableSpec, Iterable[pa.Table], str], pa.Table]
"""Given a table, the keys that a system has and what the `_file` of its rows begins with, the keys
of the stored rows that it has not."""


def _find_none(spec: TableSpec, present: Iterable[pa.Table], brought_by: str) -> pa.Table:
    return pa.table({name: pa.array([], pa.string()) for name in spec.key})


@dataclass(frozen=True)
class Context:
    """What a reader may use.

    Attributes:
        folder: The source's folder below the data folder; need not exist.
        loaded: The places that were loaded before, and the positions of streams.
        scratch: A folder for what has to be unpacked; lasts as long as the load.
        notify: Gets what the user should know.
        find_gone: Compares the keys that a system has with those stored (`landing.gone`).
    """

    folder: Path
    loaded: Ledger
    scratch: Path
    notify: Notify
    find_gone: FindGone = _find_none


class Reader(Protocol):
    """Reads the places of a source."""

    def arrivals(self, tables: Sequence[TableSpec], context: Context) -> Mapping[str, Arrivals]:
        """Lists the places of every table, by the table's name; reads no row of them yet."""
        ...
