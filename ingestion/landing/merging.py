"""Rows with a key: each column has the value of the row that was chosen among those that state it.

The rules NEWER_WINS and FIRST_WINS. A row states the columns that its place has for it; a column
that it lacks says nothing. So a member is the newest word on each of its columns, in whatever order
files come, and an event that comes again with one more column gains it.

Only the rows of keys that come again are merged. COLUMN_SOURCES of a stored row tells which columns
nothing has stated yet (null), and which ones another row than `_file:_line` has: by that row's
version in microseconds, its file and its line.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from onecdp.warehouse.sql_text import literal, quoted

from ..declaration import OnRepeatedKey, TableSpec
from ..raw_tables import COLUMN_SOURCES, PLACE, compared_columns
from .staging import stated


@dataclass(frozen=True)
class Merge:
    """The rows of a load and of a table, for the statements that compare them.

    Attributes:
        connection: Where the relations are.
        spec: The table.
        sound: The sound rows.
        headers: Which columns a row has, by its `_header`.
        stored: The raw table.
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


@dataclass(frozen=True)
class Merged:
    """What `merge_rows` makes.

    Attributes:
        outcomes: The relation of row outcomes.
        written: The relation of rows to write, one per key.
    """

    outcomes: str
    written: str


def merge_rows(merge: Merge) -> Merged:
    """Compares the rows of a load with each other and with those stored, column by column."""
    merged = Merged(f"{merge.into}_row_outcomes", f"{merge.into}_written")
    ranked, chosen, conflicts = (f"{merge.into}_{n}" for n in ("ranked", "chosen", "conflicts"))
    _rank(merge, ranked)
    _choose(merge, ranked, chosen)
    if merge.is_first_wins:
        # Rows that differ are quarantined, and must not have filled any column either.
        _find_conflicts(merge, ranked, chosen, conflicts)
        merge.connection.execute(f"drop table {chosen}")
        _choose(merge, f"(select * from {ranked} anti join {conflicts} using (_row))", chosen)
    _decide(merge, ranked, chosen, conflicts, merged.outcomes)
    _write(merge, ranked, chosen, merged.written)
    return merged


def _rank(merge: Merge, into: str) -> None:
    """Makes `into`: the rows whose key comes again; the higher `_rank`, the more a row counts."""
    spec, key = merge.spec, merge.key
    place, version = PLACE.format("p", "t"), merge.version("t")
    is_own = f"coalesce(s._file = {place}, false)"
    order = (
        f"{is_own}, t._row desc"
        if merge.is_first_wins
        else f"{version} nulls last, {version} is not null and {merge.withdraws('t')}, t._row"
    )
    partition = ", ".join(f"t.{quoted(name)}" for name in spec.key)
    merge.connection.execute(
        f"""create table {into} as
        with repeated as (
            select {key} from {merge.sound} group by all having count(*) > 1
            union
            select {key} from {merge.stored} semi join {merge.sound} using ({key})
        )
        select t.*, {place} as _place, {is_own} as _is_own,
            row_number() over (partition by {partition} order by {order}) as _rank
        from {merge.sound} as t
        semi join repeated using ({key})
        inner join {merge.places} as p using (_place_no)
        left join {merge.stored} as s using ({key})"""
    )


def _choose(merge: Merge, ranked: str, into: str) -> None:
    """Makes `into`, a row per key: for each column a struct with the value and who states it.

    Fields: value, at (the version), file and line (null where nothing states the column), row (of
    the load; null where the stored value stays) and has_changed. Besides: `_top`, the row of the
    load that counts most, and `_stands`, whether a row is stored and is still what it is known by.
    """
    columns = merge.columns
    brought = {column.name for column in merge.spec.columns} | set(merge.new_extras)
    new = ", ".join(
        f"arg_max({{'value': t.{quoted(name)}, 'at': {merge.version('t')}, 'file': t._place, "
        f"'line': t._line, 'row': t._row, 'is_own': t._is_own, "
        f"'withdraws': {merge.withdraws('t')}}}, t._rank) filter (where {merge.states(name)}) "
        f"as {quoted(name)}"
        for name in columns
        if name in brought
    )
    old = ", ".join(f"{_old(merge, name)} as {quoted(name)}" for name in columns)
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
            ) as _top{_then(new)}
            from {ranked} as t group by {merge.key}
        ),
        old as (
            select {merge.key}, _file as _stored_file, _line as _stored_line{_then(old)}
            from {merge.stored} as s semi join {ranked} using ({merge.key})
        ),
        chosen as (
            select {merge.key}, _top, _stored_file, _stored_line{_then(chosen)}
            from new left join old using ({merge.key})
        )
        select *, {stands} as _stands from chosen as c"""
    )


def _then(columns: str) -> str:
    return f", {columns}" if columns else ""


def _old(merge: Merge, name: str) -> str:
    """SQL for what a stored row says of a column: is_stated, value, at, file, line."""
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
            f"{_tie(merge, new)})"
        )
        has_changed = (
            f"not coalesce({old}.is_stated, false) "
            f"or ({new}.at is not null and {new}.at is distinct from {old}.at)"
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
        f"then {{'value': {new}.value, 'at': {new}.at, 'file': {new}.file, 'line': {new}.line, "
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
        f"and {withdrawn}.at = {new}.at and not {new}.withdraws)"
    )


def _differs(merge: Merge, name: str) -> str:
    """SQL for whether the row `t` states another value of a column than the chosen one."""
    column = quoted(name)
    return f"({merge.states(name)} and t.{column} is distinct from c.{column}.value)"


def _find_conflicts(merge: Merge, ranked: str, chosen: str, into: str) -> None:
    spec = merge.spec
    shown = " || ', ' || ".join(f"t.{quoted(name)}" for name in spec.key)
    differs = " or ".join(_differs(merge, name) for name in merge.compared) or "false"
    merge.connection.execute(
        f"""create table {into} as
        select t._row,
            {literal(", ".join(spec.key))} || ' ''' || {shown} || ''' already exists in '
                || {literal(spec.source + "/")} || if(c._stands, _stored_file, _top.file)
                || ' line ' || if(c._stands, _stored_line, _top.line)
                || ' with different values' as note
        from {ranked} as t inner join {chosen} as c using ({merge.key})
        where {differs}"""
    )


def _decide(merge: Merge, ranked: str, chosen: str, conflicts: str, into: str) -> None:
    has_won = " or ".join(
        f"(c.{quoted(n)}.row = t._row and c.{quoted(n)}.has_changed)" for n in merge.compared
    )
    has_won = f"(_stored_file is null and _top.row = t._row) or {has_won or 'false'}"
    if merge.is_first_wins:
        others, by, note = "when f.note is not null then 'conflict'", "", "f.note"
        joined = f"left join {conflicts} as f using (_row)"
    else:
        others, note, joined = "when winner is not null then 'superseded'", "null::varchar", ""
        by = " ".join(
            f"when {_differs(merge, n)} then {{'file': c.{quoted(n)}.file, "
            f"'line': c.{quoted(n)}.line}}"
            for n in merge.compared
        )
    by = f"case {by} end" if by else "null::struct(file varchar, line bigint)"
    merge.connection.execute(
        f"""create table {into} as
        with decided as (
            select t._row, {note} as note, {by} as winner,
                case when {has_won} then 'loaded' {others} else 'duplicate' end as outcome
            from {ranked} as t
            left join {chosen} as c using ({merge.key})
            {joined}
        )
        select _row, outcome, note,
            if(outcome = 'superseded', winner.file, null) as by_file,
            if(outcome = 'superseded', winner.line, null) as by_line
        from decided
        union all
        select _row, 'loaded', null, null, null
        from {merge.sound} anti join {ranked} using (_row)"""
    )


def _write(merge: Merge, ranked: str, chosen: str, into: str) -> None:
    columns = merge.columns
    known = [column.name for column in merge.spec.columns]
    plain = ", ".join(f"t.{quoted(n)}" for n in [*known, *merge.new_extras])
    unstated = [
        json.dumps(
            {n: None for n in known if n not in {*header, *merge.spec.key}}, separators=(",", ":")
        )
        for header in merge.headers
    ]
    by_header = " ".join(f"when {no} then {literal(text)}" for no, text in enumerate(unstated))
    values = ", ".join(f"c.{quoted(n)}.value as {quoted(n)}" for n in columns)
    has_changed = " or ".join(f"c.{quoted(n)}.has_changed" for n in merge.compared)
    version = quoted(merge.spec.version or "")
    known_by = (
        "if(_stands, {'file': _stored_file, 'line': _stored_line}, "
        "{'file': _top.file, 'line': _top.line})"
    )
    if merge.spec.version and not merge.is_first_wins:
        known_by = (
            f"if(_stands or {version}.file is null, {known_by}, "
            f"{{'file': {version}.file, 'line': {version}.line}})"
        )
    merge.connection.execute(
        f"""create table {into} as
        select t._row, {plain}, {PLACE.format("p", "t")} as _file, t._line,
            {f"case t._header {by_header} end" if by_header else "'{}'"} as {COLUMN_SOURCES}
        from {merge.sound} as t
        inner join {merge.places} as p using (_place_no)
        anti join {ranked} using (_row)
        union all by name
        select _top.row as _row, {merge.key}{_then(values)},
            _known_by.file as _file, _known_by.line as _line,
            to_json(map_from_entries(list_filter([{_sources(merge)}], lambda e: e is not null)))
                ::varchar as {COLUMN_SOURCES}
        from (select *, {known_by} as _known_by from {chosen}) as c
        where _stored_file is null or {has_changed or "false"}"""
    )


def _sources(merge: Merge) -> str:
    """SQL for the entries of COLUMN_SOURCES; null for a column that needs none."""
    declared = {column.name for column in merge.spec.columns}
    version = f"c.{quoted(merge.spec.version)}.value" if merge.spec.version else "null"
    entry = "struct(k varchar, v json)"
    return ", ".join(
        f"case when c.{name}.file is null then {unstated} "
        f"when c.{name}.file is distinct from _known_by.file "
        f"or c.{name}.line is distinct from _known_by.line "
        f"or c.{name}.at is distinct from {version} then {{'k': {literal(column)}, "
        f"'v': json_array(epoch_us(c.{name}.at), c.{name}.file, c.{name}.line)}}::{entry} end"
        for column in merge.columns
        for name in [quoted(column)]
        for unstated in [
            f"{{'k': {literal(column)}, 'v': null}}::{entry}" if column in declared else "null"
        ]
    )
