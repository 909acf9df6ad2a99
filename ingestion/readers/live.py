"""The readers of live systems, and how they come beside a source's files.

Every source has all of them. Each reads only where the settings have its section,
`[sources.<source>.<reader>]`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from ..declaration import TableSpec
from ..landing.arrivals import Arrivals, Refused
from .binlog.reader import Binlog
from .kafka.reader import KafkaReader
from .reader import Context, Reader
from .sql.reader import Sql


class LiveReader(Reader, Protocol):
    """Reads streams: what is new in them since their stored positions (`Ledger.positions`).

    It lists no place where nothing is new, and counts the stream in `Arrivals.idle`. `arrivals`
    raises `Refused` where the server can't be reached, the settings can't work or the client is
    not installed; the message names what to do and no secret.
    """

    name: str

    @property
    def setting_names(self) -> Sequence[str]:
        """The names of what its section may have."""
        ...

    def is_configured(self, source: str) -> bool:
        """Whether the settings have a section for it, also one that lacks something."""
        ...


LIVE: tuple[LiveReader, ...] = (Sql(), Binlog(), KafkaReader())


def live_readers(source: str) -> list[LiveReader]:
    """Those that the settings configure for a source."""
    return [reader for reader in LIVE if reader.is_configured(source)]


def list_arrivals(
    files: Reader, live: Sequence[LiveReader], tables: Sequence[TableSpec], context: Context
) -> Mapping[str, Arrivals]:
    """Lists what files and live readers bring, by table; the files come first.

    A live reader that can't read is reported as refused, by its name, and costs nothing else.
    """
    found = dict(files.arrivals(tables, context))
    for reader in live:
        try:
            listed = reader.arrivals(tables, context)
        except Refused as refusal:
            listed = {tables[0].table: Arrivals(refused={reader.name: str(refusal)})}
        for table, arrivals in listed.items():
            found[table] = _united(found.get(table, Arrivals()), arrivals)
    return found


def _united(one: Arrivals, other: Arrivals) -> Arrivals:
    return replace(
        one,
        new=[*one.new, *other.new],
        unchanged=[*one.unchanged, *other.unchanged],
        copies={**one.copies, **other.copies},
        refused={**one.refused, **other.refused},
        left_out={**one.left_out, **other.left_out},
        idle=one.idle + other.idle,
        notices={**one.notices, **other.notices},
    )
