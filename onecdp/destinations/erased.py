"""What deliveries remember of a person who is erased.

The key of a row must be known until its removal was delivered, or the target would keep the person
for ever. So it stays in `deliveries.duckdb` until then, is listed as erased, and its bytes go with
the delivery that removes it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from onecdp.destinations.memory import connect_deliveries
from onecdp.errors import OnecdpError
from onecdp.warehouse.files import Warehouse, remove_leftovers, replace_file, scratch
from onecdp.warehouse.sql_text import literal, one_line


@dataclass(frozen=True)
class Held:
    """A destination that has the person.

    Attributes:
        destination: Its name.
        label: What was delivered: `profiles` or a package.
        rows: How many rows.
    """

    destination: str
    label: str
    rows: int


def find_held(warehouse: Warehouse, one_ids: Sequence[str]) -> tuple[Held, ...]:
    """Returns where the person was delivered to, and not removed from.

    Raises:
        OnecdpError: A delivery is under way.
    """
    if not warehouse.deliveries_file.is_file():
        return ()
    with connect_deliveries(warehouse) as connection:
        return _held(connection, one_ids)


def mark_erased(warehouse: Warehouse, one_ids: Sequence[str]) -> None:
    """Notes that the person is erased, and deletes what destinations refused.

    Deleted bytes of earlier one_ids of the person may be in the file, so it is written anew.
    """
    # It is only to look at: what was refused is sent again.
    shutil.rmtree(warehouse.dead_letters, ignore_errors=True)
    if not warehouse.deliveries_file.is_file():
        return
    with connect_deliveries(warehouse) as connection:
        if _held(connection, one_ids):
            connection.executemany(
                "insert into erased values ($1)", [[one_id] for one_id in one_ids]
            )
    rewrite(warehouse)


def clear_delivered(connection: duckdb.DuckDBPyConnection) -> bool:
    """Forgets erased people whom no destination has any more; returns whether to `rewrite`."""
    rows = connection.execute("select distinct one_id from erased").fetchall()
    gone = [one_id for (one_id,) in rows if not _held(connection, [one_id])]
    if gone:
        connection.execute("begin")
        connection.execute("delete from erased where list_contains($1::varchar[], one_id)", [gone])
        connection.execute("insert into rewrite_due values (now())")
        connection.execute("commit")
    return bool(connection.execute("select 1 from rewrite_due limit 1").fetchall())


def rewrite(warehouse: Warehouse) -> None:
    """Replaces `deliveries.duckdb` by a copy without the bytes of deleted rows.

    Raises:
        OnecdpError: The copy can't be written; the file is then unchanged.
    """
    file = warehouse.deliveries_file
    remove_leftovers(warehouse.folder, f"{file.name}.*.tmp*")
    fresh = file.with_name(f"{file.name}.{os.getpid()}.tmp")
    try:
        with scratch() as both:
            both.execute(f"attach {literal(str(file))} as deliveries (read_only)")
            both.execute(f"attach {literal(str(fresh))} as fresh")
            both.execute("copy from database deliveries to fresh")
            both.execute("delete from fresh.rewrite_due")
            both.execute("detach fresh")
        fresh.chmod(0o600)
        replace_file(fresh, file)
    except (duckdb.Error, OSError) as error:
        raise OnecdpError(f"{fresh} can't be written: {one_line(str(error))}") from error
    finally:
        remove_leftovers(warehouse.folder, f"{file.name}.*.tmp*")


def _held(connection: duckdb.DuckDBPyConnection, one_ids: Sequence[str]) -> tuple[Held, ...]:
    feeds = connection.execute("select feed_id, destination, label from feeds order by all")
    held = []
    for feed_id, destination, label in feeds.fetchall():
        ((rows,),) = connection.execute(
            "select count(distinct one_id) from"
            f" (select one_id from feed_{feed_id} union all select one_id from pending_{feed_id})"
            " where list_contains($1::varchar[], one_id)",
            [list(one_ids)],
        ).fetchall()
        if rows:
            held.append(Held(destination, label, int(rows)))
    return tuple(held)
