"""What the online store is made of, as queries on the published marts.

Documents have the columns of the marts, whichever these are: a new column of `customer_profiles`
is in the profile with the next publication. Times are ISO 8601 in UTC, numbers stay numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from onecdp.audiences.bitmaps import from_numpy, to_bytes
from onecdp.errors import OnecdpError
from onecdp.serving.store_file import HELD_OUT, ONE_ID
from onecdp.warehouse.files import connect
from onecdp.warehouse.sql_text import literal, one_line, quoted

_BATCH = 20_000
_CUSTOMERS = 500_000
# Of the map, not of one identifier.
_OF_MAP = ("one_id", "one_int", "is_active")
# Who differs, and their identifiers.
_TOUCHED, _HELD_NOW, _HELD_BEFORE = "touched", "held_now", "held_before"
_FLOAT, _NO_NUMBER = re.compile("DOUBLE|FLOAT"), r"[:,\[](NaN|-?Infinity)[,\]}]"
_LIST = re.compile(r"(.+)\[[0-9]*\]", re.DOTALL)
_HELD = (
    "select one_int, id_type, id_value from {0}.id_map semi join {2} as wanted using (one_int)"
    f" where is_active union all select one_int, {literal(ONE_ID)}, one_id"
    " from {1}.customer_profiles semi join {2} as wanted using (one_int)"
)
Rows = Iterator[tuple[Any, ...]]


@dataclass(frozen=True)
class Difference:
    """What changed between two publications; all of the new one, if there is none before.

    One query runs at a time: read the rows of one attribute to their end, then those of the next.

    Attributes:
        customers: one_int, one_id, profile and identity of those that are new or changed.
        gone: one_ints that the new one has not.
        identifiers: id_type, id_value and one_int that are new or changed.
        gone_identifiers: id_type and id_value that the new one has not.
        audiences: package_id, summary, members and those of them who are held out, of all
            audiences.
        id_types: Types of identifiers.
    """

    customers: Rows
    gone: Rows
    identifiers: Rows
    gone_identifiers: Rows
    audiences: Rows
    id_types: tuple[str, ...]


class MartsDocuments:
    """The published marts, and those published before them, for comparison."""

    def __init__(self, marts: Path, before: Path | None = None) -> None:
        """Opens the files for reading.

        Raises:
            OnecdpError: A file can't be opened.
        """
        self._marts = connect(marts, read_only=True)
        self._marts.execute("set TimeZone = 'UTC'")
        ((name,),) = self._marts.execute("select current_database()").fetchall()
        self._now, self._before = quoted(str(name)), None
        if before is not None:
            self._marts.execute(f"attach {literal(str(before))} as before (read_only)")
            self._before = "before" if self._has_equal_columns() else None

    def close(self) -> None:
        """Closes the files."""
        self._marts.close()

    @property
    def is_comparable(self) -> bool:
        """Whether the marts published before have the same columns."""
        return self._before is not None

    def difference(self) -> Difference:
        """Returns what changed; its rows are read when they are asked for.

        Raises:
            OnecdpError: A mart, or a column that the store needs, is missing.
        """
        try:
            return self._difference()
        except (duckdb.CatalogException, duckdb.BinderException) as error:
            raise OnecdpError(
                "the online store can't be made of these marts; turn it off"
                f" (docs/serving.md) or mend them: {one_line(str(error))}"
            ) from error

    def _difference(self) -> Difference:
        now, before = self._now, self._before
        everybody = f"(select one_int from {now}.customer_profiles)"
        held, gone, gone_held = _HELD.format(now, now, everybody), "", ""
        wanted = everybody
        if before:
            self._find_changes()
            # Whose rows are equal has equal identifiers.
            wanted = _TOUCHED
            for name, database in ((_HELD_NOW, now), (_HELD_BEFORE, before)):
                query = _HELD.format(database, database, _TOUCHED)
                self._marts.execute(f"create or replace temp table {name} as {query}")
            gone = f"from {_TOUCHED} anti join {now}.customer_profiles using (one_int)"
            gone_held = f"from {_HELD_BEFORE} anti join {_HELD_NOW} using (id_type, id_value)"
            gone_held = f"select id_type, id_value {gone_held}"
            held = f"from {_HELD_NOW} except from {_HELD_BEFORE}"
        types = self._marts.execute(
            f"select distinct id_type from {now}.id_map where is_active order by all"
        ).fetchall()
        return Difference(
            customers=self._customers(wanted),
            gone=self._rows(gone),
            identifiers=self._rows(
                f"select id_type, id_value, one_int from ({held}) order by id_type, id_value"
            ),
            gone_identifiers=self._rows(gone_held),
            audiences=self._audiences(),
            id_types=tuple(name for (name,) in types),
        )

    def _find_changes(self) -> None:
        """Lists the one_ints whose rows differ: what both sides have cancels itself out."""
        sides = []
        for name in ("customer_profiles", "id_map"):
            columns = ", ".join(map(quoted, self._columns(self._now, name)))
            sides += [
                f"select one_int, hash({columns}) as row_hash from {database}.{name}"
                for database in (self._now, self._before)
            ]
        self._marts.execute(
            f"create or replace temp table {_TOUCHED} as"
            f" select one_int from ({' union all '.join(sides)})"
            " group by one_int having bit_xor(row_hash) <> 0"
        )

    def _customers(self, wanted: str) -> Rows:
        """The documents by one_int, in parts: to sort all of a large store would fill the disk."""
        ((most,),) = self._marts.execute(
            f"select coalesce(max(one_int), -1) from {wanted}"
        ).fetchall()
        for first in range(0, most + 1, _CUSTOMERS):
            yield from self._rows(
                self._documents(wanted, f"one_int between {first} and {first + _CUSTOMERS - 1}")
            )

    def _documents(self, wanted: str, part: str) -> str:
        profile = self._columns(self._now, "customer_profiles")
        identifier = self._columns(self._now, "id_map")
        named = ("id_type", "id_value", *(name for name in identifier if name not in _OF_MAP))
        fields = _struct({name: identifier[name] for name in named})
        # The documents of one customer are sorted as texts, which begin with type and value: in
        # the aggregate, `order by` takes six times as long.
        return (
            "with identities as (select one_int, '[' || array_to_string(list_sort(list("
            f"to_json({fields})::varchar)), ',') || ']' as identity"
            f" from {self._now}.id_map semi join {wanted} as wanted using (one_int)"
            f" where is_active and {part} group by one_int)"
            f" select profiles.one_int, one_id, encode(to_json({_struct(profile, 'profiles')})),"
            " encode(coalesce(identity, '[]'))"
            f" from {self._now}.customer_profiles as profiles"
            f" semi join {wanted} as wanted using (one_int)"
            " left join identities using (one_int)"
            f" where profiles.{part} order by profiles.one_int"
        )

    def _audiences(self) -> Rows:
        columns = _struct(self._columns(self._now, "audience_package_summary"))
        summaries = self._marts.execute(
            f"select package_id, encode(to_json({columns}))"
            f" from {self._now}.audience_package_summary order by package_id"
        ).fetchall()
        held_out = "false"
        if "arm" in self._columns(self._now, "audience_packages"):
            held_out = f"arm = {literal(HELD_OUT)}"
        found = self._marts.execute(
            f"select package_rank, one_int, {held_out} as is_held_out"
            f" from {self._now}.audience_packages"
            " inner join (select package_id, row_number() over (order by package_id)::integer"
            f" as package_rank from {self._now}.audience_package_summary) using (package_id)"
            f" inner join {self._now}.customer_profiles using (one_id)"
        ).fetchnumpy()
        ranks = np.asarray(found["package_rank"], np.int32)
        # Bitmaps take members in any order, and to sort millions of rows costs more than the rest.
        by_package = np.argsort(ranks, kind="stable")
        members = np.asarray(found["one_int"], np.int64)[by_package]
        is_held_out = np.asarray(found["is_held_out"], bool)[by_package]
        ends = np.searchsorted(ranks[by_package], np.arange(1, len(summaries) + 1), side="right")
        parts = zip(np.split(members, ends), np.split(is_held_out, ends), strict=True)
        for (package_id, summary), (part, held) in zip(summaries, parts, strict=False):
            yield (
                package_id,
                summary,
                to_bytes(from_numpy(part)),
                to_bytes(from_numpy(part[held])),
            )

    def _rows(self, query: str) -> Rows:
        if query:
            self._marts.execute(query)
            while rows := self._marts.fetchmany(_BATCH):
                yield from rows

    def _columns(self, database: str, mart: str) -> dict[str, str]:
        rows = self._marts.execute(f"describe {database}.{mart}").fetchall()
        return {row[0]: row[1] for row in rows}

    def _has_equal_columns(self) -> bool:
        try:
            return all(
                self._columns("before", name) == self._columns(self._now, name)
                for name in ("customer_profiles", "id_map")
            )
        except duckdb.CatalogException:
            return False


def _struct(columns: dict[str, str], table: str = "") -> str:
    """SQL of a struct whose JSON is valid, with times in ISO 8601."""
    prefix = f"{table}." if table else ""
    fields = ", ".join(
        f"{literal(name)}: {_field(prefix + quoted(name), kind)}" for name, kind in columns.items()
    )
    return f"{{{fields}}}"


def _field(column: str, kind: str) -> str:
    if found := _LIST.fullmatch(kind):
        # Each name within those around it is another one.
        each = f"each_{kind.count('[')}"
        inner = _field(each, found[1])
        return column if inner == each else f"list_transform({column}, lambda {each}: {inner})"
    if kind.startswith(("STRUCT", "MAP", "UNION")) and _FLOAT.search(kind):
        # Whole, or not at all, if a number in it is none in JSON.
        text = f"to_json({column})::varchar"
        return f"case when not regexp_matches({text}, {literal(_NO_NUMBER)}) then {column} end"
    if kind.startswith("TIMESTAMP"):
        return f"strftime({column}, '%Y-%m-%dT%H:%M:%S.%gZ')"
    if kind in ("DOUBLE", "FLOAT"):
        # JSON has neither.
        return f"case when isfinite({column}) then {column} end"
    return f"base64({column})" if kind == "BLOB" else column
