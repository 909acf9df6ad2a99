"""Places with the content of one that is loaded: copies, and files that were moved or renamed.

Loaded under the new name, an old file would count as the newest word and undo what was corrected
since.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import duckdb

from ..declaration import DateOrder, TableSpec
from .arrivals import Copy, Ledger
from .date_order import read_month_first
from .renamed import find_renamed


def read_ledger(
    connection: duckdb.DuckDBPyConnection, loads: str, tables: Sequence[TableSpec]
) -> tuple[frozenset[str], Ledger, dict[str, str]]:
    """The names of all places that were loaded, and the ledger without those to be read again.

    Read again is what was read month first before the setting said day first, and what has a column
    that the setting `columns` names otherwise now. The third value tells why, for the latter, by
    the names of the places.
    """
    known = connection.execute(
        f"select file, arg_max([fingerprint, coalesce(content, fingerprint)], loaded_at) "
        f"from {loads} group by file"
    )
    loaded: dict[str, list[str]] = dict(known.fetchall())
    is_misread = tables[0].date_order is DateOrder.DAY_FIRST
    again = set(read_month_first(connection, loads)) if is_misread else set()
    renamed = find_renamed(connection, loads, tables)
    again |= set(renamed)
    # Loads of an earlier version of onecdp have no content; it is the fingerprint of plain files.
    found = connection.execute(
        f"""select coalesce(content, fingerprint), file, min(loaded_at)
        from {loads} where not ($1 and coalesce(has_ambiguous_dates, false)) group by all""",
        [is_misread],
    )
    contents: dict[str, dict[str, dt.datetime]] = {}
    for content, file, loaded_at in found.fetchall():
        contents.setdefault(content, {})[file] = loaded_at
    current = {file: version for file, version in loaded.items() if file not in again}
    positions = connection.execute(
        f"select stream, arg_max(position, loaded_at) from {loads} "
        "where position is not null group by stream"
    )
    ledger = Ledger(current, contents, dict(positions.fetchall()))
    return frozenset(loaded), ledger, renamed


def notice_of_copy(copy: Copy) -> str:
    """What to tell of a place that is not loaded because its content was."""
    when = f"loaded on {copy.loaded_at:%Y-%m-%d %H:%M}" if copy.loaded_at else "of this load"
    return (
        f"has the same content as {copy.original}, {when}: not loaded again"
        " (if it is to count as new, change it, if only by an empty line)"
    )
