"""Types the staged rows and separates the sound ones from the bad and the erased."""

from __future__ import annotations

from dataclasses import dataclass, replace

import duckdb

from onecdp.identity.normalise import trim_sql
from onecdp.warehouse.sql_text import literal, quoted

from ..declaration import Column, TableSpec
from ..erasure.filtering import filter_erased
from ..erasure.tombstones import Tombstones
from .arrivals import FLAW, WARNED
from .kinds import amount_complaint, complaint, typed, unknown_type
from .scratch import NFKC
from .staging import Staged, payload


@dataclass(frozen=True)
class Checked:
    """The rows of `Staged`, each in one of the first three relations.

    Attributes:
        sound: Position, `_header` and typed columns.
        bad: Position, reason, payload, and `_group`, the document that the row belongs to where
            that can be told; the broken rows too.
        erased: `_row` and `_place_no` of rows of erased people.
        warned: `_row`, `column_name`, `value` and `reason` of values that can't be read and are
            null in `sound`; those of bad rows, too.
    """

    sound: str
    bad: str
    erased: str
    warned: str


def check(
    connection: duckdb.DuckDBPyConnection,
    spec: TableSpec,
    staged: Staged,
    tombstones: Tombstones | None,
    load_time: str,
    into: str,
) -> Checked:
    """Makes the relations, whose names begin with `into`; `load_time` has the time of the load."""
    checked = Checked(f"{into}_sound", f"{into}_bad", f"{into}_erased", f"{into}_warned")
    complaints = f"{into}_complaints"
    _type_rows(connection, spec, staged, load_time, checked.sound)
    _find_complaints(connection, spec, staged, checked.sound, load_time, complaints)
    group = f"t.{quoted(spec.group)}" if spec.group else "null"
    connection.execute(
        f"""create table {checked.bad} as
        select raw._row, raw._place_no, raw._part, raw._line, found.reason,
            {payload(spec, staged.extras)} as payload, {group}::varchar as _group
        from {complaints} as found
        inner join {staged.text} as raw using (_row)
        inner join {checked.sound} as t using (_row)
        where found.reason is not null
        union all
        select *, null from {staged.broken}"""
    )
    connection.execute(
        f"create table {checked.warned} as "
        f"select _row, unnest(warned, recursive := true) from {complaints}"
    )
    connection.execute(
        f"delete from {checked.sound} where _row in (select _row from {checked.bad})"
    )
    warned = connection.execute(f"select distinct column_name from {checked.warned}").fetchall()
    for (name,) in warned:
        connection.execute(
            f"update {checked.sound} set {quoted(name)} = null where _row in "
            f"(select _row from {checked.warned} where column_name = {literal(name)})"
        )
    filter_erased(
        connection,
        spec,
        (staged.text, staged.plain),
        checked.sound,
        checked.erased,
        staged.extras,
        tombstones,
    )
    connection.execute(f"drop table {complaints}")
    return checked


def _type_rows(
    connection: duckdb.DuckDBPyConnection,
    spec: TableSpec,
    staged: Staged,
    load_time: str,
    into: str,
) -> None:
    """Makes `into`: position, `_header`, typed columns, and whether the row `_complains`.

    In one pass: most files hold nothing to complain of.
    """
    kinds = {name: spec.kind_of(name) for name in [*(c.name for c in spec.columns), *staged.extras]}
    written = ", ".join(
        f"{literal(name)}: "
        + (trim_sql(f"raw.{quoted(name)}", NFKC) if kind.is_code else f"raw.{quoted(name)}")
        for name, kind in kinds.items()
    )
    values = ", ".join(
        f"{literal(name)}: {typed(name, kind, spec.date_order)}" for name, kind in kinds.items()
    )
    decisive, optional = _complaints(spec, staged, load_time)
    connection.execute(
        f"""create table {into} as
        with written as (
            select raw, {{{written}}} as written from {staged.text} as raw
        ),
        typed as (
            select raw, {{{values}}} as t from (select raw, unnest(written) from written)
        )
        select raw._row, raw._place_no, raw._part, raw._line, raw._header, unnest(t),
            coalesce({", ".join([*decisive, *optional.values(), f"raw.{WARNED}"])}) is not null
                as _complains
        from typed"""
    )


def _complaints(
    spec: TableSpec, staged: Staged, load_time: str
) -> tuple[list[str], dict[str, str]]:
    """SQL for what is wrong with a row: what quarantines it, and what nulls a column of it."""
    columns = [replace(column, kind=spec.kind_of(column.name)) for column in spec.columns]
    columns += [Column(name, spec.kind_of(name)) for name in staged.extras]
    told = [
        (column, text)
        for column in columns
        if (text := complaint(column, load_time, None if column.name in spec.key else spec.deleted))
    ]
    # What its reader told of a value is not told again.
    decisive = [f"raw.{FLAW}"]
    decisive += [
        f"case when not coalesce(contains(raw.{FLAW}, {literal(column.name + ': ')}), false) "
        f"then {text} end"
        for column, text in told
        if spec.is_decisive(column)
    ]
    decisive += [
        unknown_type(i.type_column, spec.id_types)
        for i in spec.identifiers
        if i.type_column and spec.id_types
    ]
    if spec.amount:
        decisive.append(amount_complaint(spec.amount))
    return decisive, {c.name: text for c, text in told if not spec.is_decisive(c)}


def _find_complaints(
    connection: duckdb.DuckDBPyConnection,
    spec: TableSpec,
    staged: Staged,
    typed_rows: str,
    load_time: str,
    into: str,
) -> None:
    """Makes `into`: rows with a value that can't be read.

    `reason` tells why the row can't be loaded, null if it can; `warned` lists the values that it
    can do without (column_name, value, reason).
    """
    decisive, optional = _complaints(spec, staged, load_time)
    warned = ", ".join(
        f"{{'column_name': {literal(name)}, 'value': raw.{quoted(name)}, 'reason': {text}}}"
        for name, text in optional.items()
    )
    # Without one, the text need not be read again.
    is_sound = not connection.execute(
        f"select 1 from {typed_rows} where _complains limit 1"
    ).fetchall()
    warning = "struct(column_name varchar, value varchar, reason varchar)[]"
    by_reader = (
        f"from_json(raw.{WARNED}, "
        """'[{"column_name": "VARCHAR", "value": "VARCHAR", "reason": "VARCHAR"}]')"""
    )
    connection.execute(
        f"""create table {into} as
        select raw._row, nullif(concat_ws('; ', {", ".join(decisive)}), '') as reason,
            list_concat(
                list_filter([{warned}]::{warning}, lambda w: w.reason is not null), {by_reader}
            ) as warned
        from {staged.text} as raw inner join {typed_rows} as t using (_row)
        where {"false" if is_sound else "t._complains"}"""
    )
