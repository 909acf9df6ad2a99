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
from dataclasses import dataclass

from onecdp.warehouse.sql_text import literal, quoted

from ..raw_tables import COLUMN_SOURCES, PLACE
from .choosing import Merge, choose, then


@dataclass(frozen=True)
class Merged:
    """What `merge_rows` makes.

    Attributes:
        outcomes: The relation of row outcomes.
        written: The view of rows to write, one per key.
    """

    outcomes: str
    written: str


def merge_rows(merge: Merge) -> Merged:
    """Compares the rows of a load with each other and with those stored, column by column."""
    merged = Merged(f"{merge.into}_row_outcomes", f"{merge.into}_written")
    ranked, chosen, conflicts = (f"{merge.into}_{n}" for n in ("ranked", "chosen", "conflicts"))
    _rank(merge, ranked)
    choose(merge, ranked, chosen)
    if merge.is_first_wins:
        # Rows that differ are quarantined, and must not have filled any column either.
        _find_conflicts(merge, ranked, chosen, conflicts)
        merge.connection.execute(f"drop table {chosen}")
        choose(merge, f"(select * from {ranked} anti join {conflicts} using (_row))", chosen)
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
            select {key} from {merge.stored}
        )
        select t.*, {place} as _place, {is_own} as _is_own,
            if(p.repeats, p.stream || '/', null) as _stream,
            row_number() over (partition by {partition} order by {order}) as _rank
        from {merge.sound} as t
        semi join repeated using ({key})
        inner join {merge.places} as p using (_place_no)
        left join {merge.stored} as s using ({key})"""
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
        f"""create view {into} as
        select t._row, {plain}, {PLACE.format("p", "t")} as _file, t._line,
            {f"case t._header {by_header} end" if by_header else "'{}'"} as {COLUMN_SOURCES}
        from {merge.sound} as t
        inner join {merge.places} as p using (_place_no)
        anti join {ranked} using (_row)
        union all by name
        select _top.row as _row, {merge.key}{then(values)},
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
