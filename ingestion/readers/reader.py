"""What every reader is: it says which places hold rows of a source's tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from ..declaration import TableSpec
from ..landing.arrivals import Arrivals, Ledger, Notify
from ..landing.gone import ComparedKeys
from .objects import ObjectFolder


class CompareKeys(Protocol):
    """Compares keys with those of stored rows, as `landing.gone.compare_keys` does."""

    def __call__(
        self,
        spec: TableSpec,
        present: Iterable[pa.Table],
        brought_by: str = "",
        *,
        among: bool = False,
        marked_by: str | None = None,
    ) -> ComparedKeys:
        """Tells which stored rows the system has not any more, and which are back."""
        ...


def _compare_none(
    spec: TableSpec,
    present: Iterable[pa.Table],
    brought_by: str = "",
    *,
    among: bool = False,
    marked_by: str | None = None,
) -> ComparedKeys:
    none = pa.table({name: pa.array([], pa.string()) for name in spec.key})
    return ComparedKeys(none, none)


@dataclass(frozen=True)
class Context:
    """What a reader may use.

    Attributes:
        folder: The source's folder below the data folder; need not exist. It may be in object
            storage.
        loaded: The places that were loaded before, and the positions of streams.
        scratch: A folder for what has to be unpacked; lasts as long as the load.
        notify: Gets what the user should know.
        compare_keys: Compares the keys that a system has with those stored (`landing.gone`).
    """

    folder: Path | ObjectFolder
    loaded: Ledger
    scratch: Path
    notify: Notify
    compare_keys: CompareKeys = _compare_none


class Reader(Protocol):
    """Reads the places of a source."""

    def arrivals(self, tables: Sequence[TableSpec], context: Context) -> Mapping[str, Arrivals]:
        """Lists the places of every table, by the table's name; reads no row of them yet."""
        ...
