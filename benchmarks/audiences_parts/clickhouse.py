"""ClickHouse in this process (chdb): bitmaps of groupBitmapState, and a wide table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import pyarrow.parquet as pq

from audiences_parts.data import Data
from audiences_parts.ours import WHY
from audiences_parts.sql import CONDITIONS, EXPORT


class ClickHouse:
    """The tables, and the work on them.

    Raises:
        ImportError: chdb is not installed: pip install chdb.
    """

    def __init__(self, data: Data, folder: Path) -> None:
        """Copies the data into tables in memory, by files in a folder."""
        from chdb import session

        self._tags = data.tags
        # chdb has no types.
        self._session = cast("Any", session).Session(str(folder / "chdb"))
        for name, table in (("long", data.long), ("wide", data.wide)):
            pq.write_table(table, folder / f"{name}.parquet", compression="none")
            self._run(
                f"create table {name} engine = Memory as"
                f" select * from file('{folder / name}.parquet', Parquet)"
            )
        self.build()
        # A row is megabytes, so each has an index mark: with the default 8,192 all would be read.
        self._run(
            "create table stored engine = MergeTree order by name settings index_granularity = 1"
            " as select * from bitmaps"
        )

    def bitmaps(self) -> Mapping[str, Callable[[], int]]:
        """Work on the bitmaps in memory."""
        return {"build": self.build, **self._work("bitmaps")}

    def stored(self) -> Mapping[str, Callable[[], int]]:
        """Work on the bitmaps in a MergeTree, read each time."""
        return self._work("stored")

    def _work(self, bitmaps: str) -> Mapping[str, Callable[[], int]]:
        def tag(number: int) -> str:
            return f"(select members from {bitmaps} where name = 't{number}')"

        def count(function: str, left: int = 0, right: int = 1) -> Callable[[], int]:
            return self._asked(f"select {function}({tag(left)}, {tag(right)})")

        five = (
            f"bitmapAndnotCardinality(bitmapAnd(bitmapOr({tag(0)}, {tag(1)}),"
            f" bitmapOr({tag(2)}, {tag(3)})), {tag(4)})"
        )
        whole = ", ".join(f"'t{number}'" for number in range(5))
        return {
            "and": count("bitmapAndCardinality"),
            "or": count("bitmapOrCardinality"),
            "and not": count("bitmapAndnotCardinality"),
            "five-way rule": self._asked(f"select {five}"),
            "all pairs": self._asked(
                f"select sum(bitmapAndCardinality(a.members, b.members)) from {bitmaps} as a"
                f" cross join {bitmaps} as b where a.name < b.name"
            ),
            "export of members": lambda: self._exported(
                "select arrayJoin(bitmapToArray(groupBitmapMergeState(members))) as one_int"
                f" from {bitmaps} where name in ({whole})"
            ),
            "why: the tags of a customer": self._asked(
                f"select countIf(bitmapContains(members, toUInt32({WHY}))) from {bitmaps}"
            ),
        }

    def wide(self) -> Mapping[str, Callable[[], int]]:
        """Work on a row per customer with a column per tag."""
        return {
            **{
                name: self._asked(f"select count() from wide where {condition}")
                for name, condition in CONDITIONS.items()
            },
            "export of members": lambda: self._exported(f"select one_int from wide where {EXPORT}"),
        }

    def build(self) -> int:
        """Builds the bitmaps, and returns the memberships."""
        self._run("drop table if exists bitmaps")
        self._run(
            "create table bitmaps engine = Memory as select concat('t', toString(tag)) as name,"
            " groupBitmapState(one_int) as members from long group by tag"
        )
        return self._asked("select sum(bitmapCardinality(members)) from bitmaps")()

    def _run(self, query: str, shape: str = "CSV") -> bytes:
        result = self._session.query(query, shape)
        return bytes(result.bytes()) if result is not None else b""

    def _asked(self, query: str) -> Callable[[], int]:
        return lambda: int(self._run(query).decode().strip().strip('"'))

    def _exported(self, query: str) -> int:
        return len(self._run(query, "RowBinary")) // 4
