"""Up to where each part of the logs was read: the table `partitions` of the live state."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

# The last one stays: readers know partitions by their numbers, which must not be used again.
_DROP = """
delete from partitions
where name = ?
    and partition_int < (select max(partition_int) from partitions)
    and partition_int not in (select partition_int from used)
"""
_USED = """
create temp table used as
select distinct partition_int from events where identifiers != ''
union select partition_int from event_copies
"""


def read_positions(state: sqlite3.Connection) -> dict[str, int]:
    """Returns where to go on, by partition."""
    return dict(state.execute("select name, position from partitions").fetchall())


def move_on(state: sqlite3.Connection, partition: str, position: int) -> int:
    """Writes where to go on in a partition; returns its number."""
    state.execute(
        "insert into partitions (name, position) values (?, ?)"
        " on conflict (name) do update set position = excluded.position",
        (partition, position),
    )
    ((number,),) = state.execute(
        "select partition_int from partitions where name = ?", (partition,)
    ).fetchall()
    return int(number)


def drop_positions(state: sqlite3.Connection, names: Iterable[str]) -> None:
    """Deletes partitions of which no event is kept."""
    state.execute(_USED)
    state.executemany(_DROP, [(name,) for name in names])
    state.execute("drop table used")
