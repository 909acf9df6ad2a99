"""What was delivered, by destination: a hash per row, and a receipt per delivery.

It is a file of its own, `deliveries.duckdb`, because a delivery may take long and must not keep
builds from the private file. A *feed* is one selection at one address. Its rows are in `feed_<id>`.

Before anything is sent, the keys of the difference are written to `pending_<id>`. They leave it in
the transaction that says that they were delivered. What is pending when a delivery begins was sent
or was not: it counts as different, and what is no longer selected counts as removed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import duckdb
import orjson
import pyarrow as pa

from onecdp.destinations.rows import Feed
from onecdp.destinations.selection import MARTS, Selection
from onecdp.errors import OnecdpError
from onecdp.warehouse.files import Warehouse, connect
from onecdp.warehouse.sql_text import literal, quoted

_TABLES = """
create table if not exists feeds (
    feed_id integer, address varchar, label varchar, destination varchar, deliveries integer,
    rows_inserted bigint, rows_updated bigint, rows_deleted bigint
);
create table if not exists receipts (
    feed_id integer, delivery_number integer, destination varchar, address varchar, what varchar,
    platform varchar, package_name varchar, segment_rule varchar, as_of timestamp,
    rows_inserted bigint, rows_updated bigint, rows_deleted bigint, rows_unchanged bigint,
    rows_refused bigint, started_at timestamp, delivered_at timestamp, details varchar
);
create table if not exists erased (one_id varchar);
create table if not exists rewrite_due (since timestamptz);
"""


@dataclass(frozen=True)
class Counts:
    """Rows by what became of them since the last delivery."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0

    @property
    def to_send(self) -> int:
        """How many rows differ."""
        return self.added + self.changed + self.removed


class Memory:
    """An open `deliveries.duckdb`, with the published marts attached."""

    def __init__(self, warehouse: Warehouse) -> None:
        """Opens the file, which is made on first use.

        Raises:
            OnecdpError: Nothing was published yet, or another delivery is under way.
        """
        if not warehouse.marts_file.is_file():
            raise OnecdpError(f"{warehouse.marts_file} isn't there yet; run `onecdp run` first")
        self.connection = connect_deliveries(warehouse)
        self.connection.execute("attach ':memory:' as work")
        marts = literal(str(warehouse.marts_file))
        self.connection.execute(f"attach {marts} as {MARTS} (read_only)")

    def __enter__(self) -> Self:
        """Returns itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes the file."""
        self.connection.close()

    def was_delivered(self, label: str) -> bool:
        """Whether a selection was ever delivered, to any address."""
        return bool(
            self.connection.execute("select 1 from feeds where label = $1", [label]).fetchall()
        )

    def find_feed(self, address: str, destination: str, selection: Selection) -> Feed:
        """Returns the feed of a selection at an address, a new one if there is none."""
        found = self.connection.execute(
            "select feed_id, deliveries from feeds where address = $1 and label = $2",
            [address, selection.label],
        ).fetchone()
        if found:
            return Feed(found[0], found[1], selection)
        ((last,),) = self.connection.execute(
            "select coalesce(max(feed_id), 0) from feeds"
        ).fetchall()
        feed = Feed(last + 1, 0, selection)
        texts = "".join(f", {quoted(name)} varchar" for name in selection.removed_by)
        self.connection.execute("begin")
        self.connection.execute(
            "insert into feeds values ($1, $2, $3, $4, 0, 0, 0, 0)",
            [feed.feed_id, address, selection.label, destination],
        )
        self.connection.execute(
            f"create table {feed.rows} (one_id varchar, row_hash ubigint{texts})"
        )
        self.connection.execute(f"create table {feed.pending} (one_id varchar{texts})")
        self.connection.execute("commit")
        return feed

    def forget_rows(self, feed: Feed) -> None:
        """Forgets what was delivered: the target is a new one."""
        self.connection.execute("begin")
        self.connection.execute(f"delete from {feed.rows}")
        self.connection.execute(f"delete from {feed.pending}")
        self.connection.execute("commit")

    def compare(self, feed: Feed, *, is_whole: bool) -> Counts:
        """Compares the selection with what was delivered; `read_batches` and `confirm` follow it.

        Args:
            feed: With the selection.
            is_whole: Count every row as different.
        """
        selection = feed.selection
        columns = ", ".join(map(quoted, selection.columns))
        self.connection.execute(
            f"create or replace table work.now as select __one_id as one_id,"
            # With the names: what is renamed is no longer where it was.
            f" hash({columns}, {literal(columns)}) as row_hash{feed.remembered}"
            f" from ({selection.query})"
        )
        known = f"select one_id, row_hash, true as was_there from {feed.rows}"
        if self._count(feed.pending):
            # By a hash that nothing has: whether they arrived isn't known.
            known = (
                f"{known} where one_id not in (select one_id from {feed.pending})"
                " union all select one_id, null, one_id in (select one_id from"
                f" {feed.rows}) from (select distinct one_id from {feed.pending})"
            )
        self.connection.execute(
            "create or replace table work.difference as"
            " select coalesce(now.one_id, known.one_id) as one_id, now.row_hash,"
            " coalesce(known.was_there, false) as was_there,"
            " case when now.one_id is null then 'removed'"
            "   when known.was_there then 'changed' else 'added' end as action"
            f" from work.now as now full join ({known}) as known on now.one_id = known.one_id"
            " where now.one_id is null or known.one_id is null"
            "   or known.row_hash is distinct from now.row_hash"
            f"   or {'true' if is_whole else 'false'}"
        )
        rows = self.connection.execute(
            "select action, count(*) from work.difference group by action"
        ).fetchall()
        by = {str(action): int(count) for action, count in rows}
        added, changed = by.get("added", 0), by.get("changed", 0)
        unchanged = self._count("work.now") - added - changed
        return Counts(added, changed, by.get("removed", 0), unchanged)

    def set_pending(self, feed: Feed) -> None:
        """Notes what is about to be sent."""
        remembered = "".join(f", now.{quoted(name)}" for name in feed.selection.removed_by)
        self.connection.execute(
            f"insert into {feed.pending} select difference.one_id{remembered}"
            " from work.difference as difference"
            " left join work.now as now on difference.one_id = now.one_id"
        )

    def confirm(self, feed: Feed, one_ids: pa.ChunkedArray | None = None) -> None:
        """Remembers as delivered what was compared, or the given rows of it."""
        self.connection.execute("begin")
        self._confirm(feed, one_ids)
        self.connection.execute("commit")

    def complete(
        self, feed: Feed, receipt: Mapping[str, Any], *, is_confirmed: bool
    ) -> dict[str, Any]:
        """Remembers that the delivery is complete, and returns its receipt.

        Args:
            feed: As compared.
            receipt: Columns of `receipts`, without those that are known here.
            is_confirmed: Whether the rows were confirmed before, in batches.
        """
        self.connection.execute("begin")
        if not is_confirmed:
            self._confirm(feed, None)
        (counted,) = self.connection.execute(
            "select rows_inserted, rows_updated, rows_deleted from feeds where feed_id = $1",
            [feed.feed_id],
        ).fetchall()
        row = {
            "feed_id": feed.feed_id,
            "delivery_number": feed.deliveries + 1,
            "what": feed.selection.what,
            "platform": feed.selection.platform,
            "package_name": feed.selection.package_name,
            "segment_rule": feed.selection.segment_rule,
            **dict(zip(("rows_inserted", "rows_updated", "rows_deleted"), counted, strict=True)),
            **receipt,
        }
        # What an interrupted delivery had confirmed counts as sent by this one.
        ((refused,),) = self.connection.execute(
            f"select count(*) from work.now where one_id in (select one_id from {feed.pending})"
        ).fetchall()
        sent = row["rows_inserted"] + row["rows_updated"] + refused
        row["rows_unchanged"] = max(0, self._count("work.now") - sent)
        stored = row | {"details": orjson.dumps(row["details"]).decode()}
        names, marks = ", ".join(stored), ", ".join(f"${n}" for n in range(1, len(stored) + 1))
        self.connection.execute(
            f"insert into receipts ({names}) values ({marks})", list(stored.values())
        )
        self.connection.execute(
            "update feeds set deliveries = deliveries + 1, rows_inserted = 0, rows_updated = 0,"
            " rows_deleted = 0, destination = $2 where feed_id = $1",
            [feed.feed_id, row["destination"]],
        )
        self.connection.execute("commit")
        return row

    def _confirm(self, feed: Feed, one_ids: pa.ChunkedArray | None) -> None:
        which = "true"
        if one_ids is not None:
            self.connection.register("confirmed", pa.table({"one_id": one_ids}))
            which = "one_id in (select one_id from confirmed)"
        keys = f"(select one_id from work.difference where {which})"
        # Rows that were pending and never confirmed were not there: they are no removal.
        self.connection.execute(
            "update feeds set"
            "   rows_inserted = rows_inserted + counted.added,"
            "   rows_updated = rows_updated + counted.changed,"
            "   rows_deleted = rows_deleted + counted.removed"
            " from (select count(*) filter (action = 'added') as added,"
            "   count(*) filter (action = 'changed') as changed,"
            "   count(*) filter (action = 'removed' and was_there) as removed"
            f"  from work.difference where {which}) as counted where feed_id = $1",
            [feed.feed_id],
        )
        if self._count(feed.rows):
            self.connection.execute(f"delete from {feed.rows} where one_id in {keys}")
        self.connection.execute(
            f"insert into {feed.rows} select one_id, row_hash{feed.remembered} from work.now"
            f" where one_id in {keys}"
        )
        self.connection.execute(f"delete from {feed.pending} where one_id in {keys}")

    def _count(self, table: str) -> int:
        ((count,),) = self.connection.execute(f"select count(*) from {table}").fetchall()
        return int(count)


def connect_deliveries(warehouse: Warehouse) -> duckdb.DuckDBPyConnection:
    """Opens `deliveries.duckdb` to write; it is made on first use, for its owner alone.

    Raises:
        OnecdpError: Another delivery is under way, or it can't be opened.
    """
    file = warehouse.deliveries_file
    is_new = not file.exists()
    connection = connect(file, read_only=False)
    if is_new:
        file.chmod(0o600)
    connection.execute("set TimeZone = 'UTC'")
    connection.execute(_TABLES)
    return connection
