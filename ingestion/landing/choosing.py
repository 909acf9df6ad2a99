"""Chooses for each column of a key the row that decides it, among those that state it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from onecdp.warehouse.sql_text import literal, quoted

from ..declaration import OnRepeatedKey, TableSpec
from ..raw_tables import COLUMN_SOURCES, compared_columns
from .staging import stated


@dataclass(frozen=True)
class Merge:
    """The rows of a load and of a table, for the statements that compare them.

    Attributes:
        connection: Where the relations are.
        spec: The table.
        sound: The sound rows.
        headers: Which columns a row has, by its `_header`.
        stored: The rows of the raw table that have a key of the load.
        places: `_place_no` and `name` of the places.
        new_extras: Columns of the sound rows that are not declared.
        old_extras: Columns of the raw table that are not declared.
        into: What the names of new relations begin with.
    """

    connection: duckdb.DuckDBPyConnection
    spec: TableSpec
    sound: str
    headers: Sequence[frozenset[str]]
    stored: str
    places: str
    new_extras: Sequence[str]
    old_extras: Sequence[str]
    into: str

    @property
    def key(self) -> str:
        """SQL for the key."""
        return ", ".join(map(quoted, self.spec.key))

    @property
    def columns(self) -> list[str]:
        """All columns without the key."""
        declared = [column.name for column in self.spec.columns]
        names = dict.fromkeys([*declared, *self.new_extras, *self.old_extras])
        return [name for name in names if name not in self.spec.key]

    @property
    def compared(self) -> list[str]:
        """Those of them that decide whether two rows differ."""
        names = set(compared_columns(self.spec, self.columns))
        return [name for name in self.columns if name in names]

    @property
    def is_first_wins(self) -> bool:
        """Whether the first row of a key stands, and not the newest."""
        return self.spec.rule is OnRepeatedKey.FIRST_WINS

    def states(self, column: str) -> str:
        """SQL for whether the row `t` states a column."""
        return stated(self.headers, column, "t._header")

    def version(self, alias: str) -> str:
        """SQL for the version of a row."""
        return f"{alias}.{quoted(self.spec.version)}" if self.spec.version else "null::timestamp"

    def withdraws(self, alias: str) -> str:
        """SQL for whether a row withdraws what its key names."""
        active = self.spec.active
        return f"coalesce(not {alias}.{quoted(active)}, false)" if active else "false"


def choose(merge: Merge, ranked: str, into: str) -> None:
    """Makes `into`, a row per key: for each column a struct with the value and who states it.

    A row without a version is at least as new as all that is known of its key, and takes the newest
    version of that: an older row that comes later must not win over it. A row that tells what a
    source has now (`Place.repeats`) is newer than what the source told before, whatever their
    versions are.

    Fields: value, at (the version), file and line (null where nothing states the column), row (of
    the load; null where the stored value stays) and has_changed. Besides: `_top`, the row of the
    load that counts most, and `_stands`, whether a row is stored and is still what it is known by.
    """
    columns = merge.columns
    brought = {column.name for column in merge.spec.columns} | set(merge.new_extras)
    new = ", ".join(
        f"arg_max({{'value': t.{quoted(name)}, 'at': {merge.version('t')}, 'file': t._place, "
        f"'line': t._line, 'row': t._row, 'is_own': t._is_own, 'stream': t._stream, "
        f"'withdraws': {merge.withdraws('t')}}}, t._rank) filter (where {merge.states(name)}) "
        f"as {quoted(name)}"
        for name in columns
        if name in brought
    )
    old = ", ".join(f"{_old(merge, name)} as {quoted(name)}" for name in columns)
    newest = ", ".join(["_newest", *(f"old.{quoted(name)}.at" for name in columns)])
    chosen = ", ".join(
        f"{_chosen(merge, name, name in brought)} as {quoted(name)}" for name in columns
    )
    stands = "_stored_file is not null and not _top.is_own"
    if not merge.is_first_wins:
        version = quoted(merge.spec.version or "")
        stands = (
            f"c.{version}.file is not null and c.{version}.row is null"
            if merge.spec.version
            else "false"
        )
    merge.connection.execute(
        f"""create table {into} as
        with new as (
            select {merge.key}, arg_max(
                {{'row': _row, 'file': _place, 'line': _line, 'is_own': _is_own}}, _rank
            ) as _top, max({merge.version("t")}) as _newest{then(new)}
            from {ranked} as t group by {merge.key}
        ),
        old as (
            select {merge.key}, _file as _stored_file, _line as _stored_line{then(old)}
            from {merge.stored} as s semi join {ranked} using ({merge.key})
        ),
        chosen as (
            select {merge.key}, _top, _stored_file, _stored_line,
                greatest({newest}) as _known_at{then(chosen)}
            from new left join old using ({merge.key})
        )
        select *, {stands} as _stands from chosen as c"""
    )


def then(columns: str) -> str:
    """SQL for more columns of a select, of which there may be none."""
    return f", {columns}" if columns else ""


def _old(merge: Merge, name: str) -> str:
    """SQL for what a stored row says of a column: is_stated, value, at, file, line.

    `_said` in `onecdp/serving/batch_tickets.py` says the same of tickets.
    """
    column = quoted(name)
    is_declared = any(name == column.name for column in merge.spec.columns)
    if not is_declared and name not in merge.old_extras:
        return (
            "{'is_stated': false, 'value': null::varchar, 'at': null::timestamp, "
            "'file': null::varchar, 'line': null::bigint}"
        )
    # A row of an earlier warehouse doesn't tell, nor does one from before a column was found.
    told = f"json_type({COLUMN_SOURCES}, {_path(name)})"
    is_stated = f"s.{column} is not null or {told} is not distinct from 'ARRAY'"
    if is_declared:
        is_stated = (
            f"case when {COLUMN_SOURCES} is null then s.{column} is not null "
            f"else {told} is distinct from 'NULL' end"
        )

    def told_or(position: int, kind: str, own: str) -> str:
        value = f"json_extract_string({COLUMN_SOURCES}, {_path(name, position)})"
        value = f"make_timestamp({value}::bigint)" if kind == "timestamp" else f"{value}::{kind}"
        return f"case when {told} is not distinct from 'ARRAY' then {value} else {own} end"

    return (
        f"{{'is_stated': {is_stated}, 'value': s.{column}, "
        f"'at': {told_or(0, 'timestamp', merge.version('s'))}, "
        f"'file': {told_or(1, 'varchar', 's._file')}, 'line': {told_or(2, 'bigint', 's._line')}}}"
    )


def _path(name: str, position: int | None = None) -> str:
    """SQL for the JSON path of a column in COLUMN_SOURCES."""
    return literal(f'$."{name}"' + ("" if position is None else f"[{position}]"))


def _chosen(merge: Merge, name: str, is_brought: bool) -> str:
    """SQL for the chosen value of a column: that of the load, if it counts more, or the old one."""
    new, old = f"new.{quoted(name)}", f"old.{quoted(name)}"
    if merge.is_first_wins:
        beats, has_changed = f"{new}.is_own", "false"
    else:
        beats = (
            f"{new}.at is null or {old}.at is null or {new}.at > {old}.at or ({new}.at = {old}.at"
            f"{_tie(merge, new)}) or starts_with({old}.file, {new}.stream)"
        )
        has_changed = (
            f"not coalesce({old}.is_stated, false) "
            f"or coalesce({new}.at, _known_at) is distinct from {old}.at"
        )
    has_changed = f"{new}.value is distinct from {old}.value or {has_changed}"
    if name not in merge.compared:
        has_changed = "false"
    stays = (
        f"{{'value': {old}.value, 'at': {old}.at, "
        f"'file': if({old}.is_stated, {old}.file, null), 'line': {old}.line, "
        "'row': null::bigint, 'has_changed': false}"
    )
    if not is_brought:
        return stays
    return (
        f"case when {new} is not null and (not coalesce({old}.is_stated, false) or {beats}) "
        f"then {{'value': {new}.value, 'at': coalesce({new}.at, _known_at), "
        f"'file': {new}.file, 'line': {new}.line, "
        f"'row': {new}.row, 'has_changed': {has_changed}}} "
        f"else {stays} end"
    )


def _tie(merge: Merge, new: str) -> str:
    """SQL for the rest of a condition: with equal versions, a stored withdrawal stays."""
    if not merge.spec.active:
        return ""
    withdrawn = f"old.{quoted(merge.spec.active)}"
    return (
        f" and not ({withdrawn}.value is not distinct from false "
        f"and {withdrawn}.at is not distinct from {new}.at and not {new}.withdraws)"
    )
