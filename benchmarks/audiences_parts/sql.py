"""Plain SQL of DuckDB, on a long and on a wide table."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import duckdb

from audiences_parts.data import LEAST, Data
from audiences_parts.ours import WHY

# On the wide table, ClickHouse takes them too.
CONDITIONS = {
    "and": "t0 and t1",
    "or": "t0 or t1",
    "and not": "t0 and not t1",
    "five-way rule": "(t0 or t1) and (t2 or t3) and not t4",
    "comparison": f"spent >= {LEAST * 100}",
    "tag and comparison": f"t0 and spent >= {LEAST * 100}",
}
MOST_PAIRS = 2_000_000_000
EXPORT = "t0 or t1 or t2 or t3 or t4"


class Sql:
    """The tables, and the work on them."""

    def __init__(self, data: Data) -> None:
        """Copies the data into DuckDB tables."""
        self._tags = data.tags
        self._customers = data.wide.num_rows
        self._duckdb = duckdb.connect()
        self._duckdb.register("long_data", data.long)
        self._duckdb.register("wide_data", data.wide)
        self._duckdb.execute("create table long as from long_data")
        self._duckdb.execute("create table wide as from wide_data")

    def wide(self) -> Mapping[str, Callable[[], int]]:
        """Work on a row per customer with a column per tag."""
        columns = [f"t{number}" for number in range(self._tags)]
        pairs = [
            f"count(*) filter ({left} and {right})"
            for at, left in enumerate(columns)
            for right in columns[at + 1 :]
        ]
        work = {
            **{
                name: self._asked(f"select count(*) from wide where {condition}")
                for name, condition in CONDITIONS.items()
            },
            "export of members": self._exported(f"select one_int from wide where {EXPORT}"),
            "why: the tags of a customer": self._asked(
                f"select {' + '.join(f'{c}::int' for c in columns)} from wide where one_int = {WHY}"
            ),
        }
        # Takes minutes.
        if len(pairs) * self._customers < MOST_PAIRS:
            work["all pairs"] = self._asked(f"select list_sum([{', '.join(pairs)}]) from wide")
        return work

    def long(self) -> Mapping[str, Callable[[], int]]:
        """Work on a row per customer and tag."""
        tag = "select one_int from long where tag = {}".format
        both = f"{tag(0)} intersect {tag(1)}"
        either = "select distinct one_int from long where tag in ({})".format
        five = f"({either('0, 1')} intersect {either('2, 3')}) except {tag(4)}"
        counted = "select count(*) from ({})".format
        return {
            "build": self._asked(
                "select sum(len(members)) from (select tag, list(one_int) as members"
                " from long group by tag)"
            ),
            "and": self._asked(counted(both)),
            "or": self._asked(counted(either("0, 1"))),
            "and not": self._asked(counted(f"{tag(0)} except {tag(1)}")),
            "five-way rule": self._asked(counted(five)),
            "export of members": self._exported(either("0, 1, 2, 3, 4")),
            "why: the tags of a customer": self._asked(
                f"select count(*) from long where one_int = {WHY}"
            ),
        }

    def _asked(self, query: str) -> Callable[[], int]:
        return lambda: int(self._duckdb.execute(query).fetchall()[0][0])

    def _exported(self, query: str) -> Callable[[], int]:
        return lambda: int(self._duckdb.execute(query).to_arrow_table().num_rows)
