"""Rows of a feed: what is selected now, and what of it is to be sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from onecdp.destinations.protocol import Action, Batch
from onecdp.destinations.selection import MARTS, Selection
from onecdp.warehouse.sql_text import literal, quoted

_OURS = ("__one_id", "__action")


@dataclass(frozen=True)
class Feed:
    """One selection at one address.

    Attributes:
        feed_id: Names its tables.
        deliveries: How many there were.
        selection: What is delivered now.
    """

    feed_id: int
    deliveries: int
    selection: Selection

    @property
    def rows(self) -> str:
        """The table of what was delivered."""
        return f"feed_{self.feed_id}"

    @property
    def pending(self) -> str:
        """The table of what was sent, and not confirmed."""
        return f"pending_{self.feed_id}"

    @property
    def remembered(self) -> str:
        """SQL: the columns that are remembered with a row, each after a comma."""
        return "".join(f", {quoted(name)}" for name in self.selection.removed_by)


def read_batches(
    connection: duckdb.DuckDBPyConnection, feed: Feed, rows: int, *, sends_all: bool
) -> Iterator[Batch]:
    """Yields what is to be sent, each action's rows ordered by one_id.

    Args:
        connection: Of the memory.
        feed: As compared.
        rows: The most rows of a batch.
        sends_all: Yield every row of the selection, whatever became of it.
    """
    if sends_all:
        yield from _read(connection, Action.ALL, f"from ({feed.selection.query})", rows)
        return
    # Both in one pass over the marts; "added" comes before "changed".
    changed = (
        f"select rows.*, action as __action from ({feed.selection.query}) as rows"
        " inner join work.difference as difference on rows.__one_id = difference.one_id"
    )
    yield from _read(connection, None, f"from ({changed})", rows)
    yield from _read(connection, Action.REMOVED, _removed(feed), rows)


def read_lengths(connection: duckdb.DuckDBPyConnection, selection: Selection) -> Mapping[str, int]:
    """Returns the longest text of each text column of a selection."""
    described = connection.execute(f"describe ({selection.query})").fetchall()
    texts = [row[0] for row in described if row[1] == "VARCHAR" and row[0] != "__one_id"]
    longest = ", ".join(f"coalesce(max(length({quoted(name)})), 0)" for name in texts)
    (found,) = connection.execute(f"select {longest} from ({selection.query})").fetchall()
    return dict(zip(texts, found, strict=True))


def read_schema(connection: duckdb.DuckDBPyConnection, selection: Selection) -> pa.Schema:
    """Returns the columns of a selection with their types."""
    columns = ", ".join(map(quoted, selection.columns))
    found = connection.execute(f"select {columns} from ({selection.query}) limit 0")
    return found.to_arrow_table().schema


def read_as_of(connection: duckdb.DuckDBPyConnection) -> datetime | None:
    """Returns the as-of date of the published marts."""
    try:
        ((as_of,),) = connection.execute(
            f"select max(created_at) from {MARTS}.audience_package_summary"
        ).fetchall()
    except duckdb.CatalogException:
        return None
    return as_of if isinstance(as_of, datetime) else None


def read_left_out(connection: duckdb.DuckDBPyConnection, selection: Selection) -> dict[str, int]:
    """Returns what of the selected customers can't be delivered, counted."""
    if selection.left_out is None:
        return {}
    found = connection.execute(selection.left_out)
    names = [column[0] for column in found.description or []]
    (row,) = found.fetchall()
    return {name: int(count) for name, count in zip(names, row, strict=True) if count}


def _removed(feed: Feed) -> str:
    """The query for what is told of removed rows."""
    selection = feed.selection
    if not selection.removed_by:
        key = ", ".join(
            f"{'one_id' if name == selection.key[-1] else literal(selection.what)}"
            f" as {quoted(name)}"
            for name in selection.key
        )
        return (
            f"from (select one_id as __one_id, {key} from work.difference where action = 'removed')"
        )
    # A value that somebody else still has must stay; so must the other one of a changed row.
    still = ", ".join(
        f"case when {name} not in (select {name} from work.now where {name} is not null)"
        f" then {name} end as {name}"
        for name in map(quoted, selection.removed_by)
    )
    is_any = " or ".join(f"{quoted(name)} is not null" for name in selection.removed_by)
    gone = "where one_id in (select one_id from work.difference where action <> 'added')"
    return (
        f"from (select one_id as __one_id, {still} from ("
        f"select one_id{feed.remembered} from {feed.rows} {gone}"
        f" union select one_id{feed.remembered} from {feed.pending})) where {is_any}"
    )


def _read(
    connection: duckdb.DuckDBPyConnection, action: Action | None, query: str, rows: int
) -> Iterator[Batch]:
    """Yields the rows of a query; without an action, they have one as `__action`."""
    order = "__one_id" if action else "__action, __one_id"
    # Of its own, because batches are confirmed while it is read.
    cursor = connection.cursor()
    try:
        for found in cursor.execute(f"{query} order by {order}").to_arrow_reader(rows):
            table = pa.Table.from_batches([found])
            actions = [action] if action else [Action.ADDED, Action.CHANGED]
            for each in actions:
                some = table if action else table.filter(pc.equal(table["__action"], str(each)))
                names = [name for name in some.column_names if name not in _OURS]
                if some.num_rows:
                    yield Batch(each, some["__one_id"], some.select(names))
    finally:
        cursor.close()
