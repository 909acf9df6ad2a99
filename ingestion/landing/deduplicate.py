"""Compares the sound rows of a load with each other and with what is stored.

Each rule makes a relation of row outcomes (_row, outcome, note, line_number) with one row per
sound row; outcome is `loaded`, `duplicate`, `superseded` or `conflict`.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from onecdp.warehouse.sql_text import literal, quoted

from ..declaration import OnRepeatedKey, TableSpec
from .invoice_lines import Numbered, number_lines


@dataclass(frozen=True)
class Outcomes:
    """What becomes of each sound row.

    Attributes:
        rows: The relation of row outcomes.
        numbered: For COUNTED_LINES, the relations that tell which stored lines were removed.
    """

    rows: str
    numbered: Numbered | None = None


def deduplicate(
    connection: duckdb.DuckDBPyConnection,
    spec: TableSpec,
    sound: str,
    stored: str,
    loads: str,
    places: str,
    into: str,
) -> Outcomes:
    """Decides by the rule of the table.

    Args:
        connection: Where the relations are.
        spec: The table.
        sound: The sound rows.
        stored: The raw table.
        loads: The loads that were completed.
        places: `_place_no`, `name` and `is_changed` of the places of this load.
        into: What the names of new relations begin with.
    """
    # Only the columns that matter: a place's own columns may have any name.
    names = [spec.group] if spec.group else [*spec.key, *filter(None, [spec.version])]
    narrow = f"{into}_keys"
    connection.execute(
        f"create view {narrow} as select _row, _place_no, _part, _line, _row_hash, "
        f"{', '.join(quoted(name) for name in names)} from {sound}"
    )
    match spec.rule:
        case OnRepeatedKey.NEWER_WINS:
            return Outcomes(_newer_wins(connection, spec, narrow, stored, into))
        case OnRepeatedKey.FIRST_WINS:
            return Outcomes(_first_wins(connection, spec, narrow, stored, places, into))
        case OnRepeatedKey.COUNTED_LINES:
            numbered = number_lines(connection, spec, narrow, stored, loads, places, into)
            return Outcomes(numbered.outcomes, numbered)


def _newer_wins(
    connection: duckdb.DuckDBPyConnection, spec: TableSpec, sound: str, stored: str, into: str
) -> str:
    # A row without a version counts as the newest here, as the oldest in
    # int_customers__attributes: DECISIONS.md, "A member row without updated_at".
    version = quoted(spec.version) if spec.version else "null::timestamp"
    key = ", ".join(quoted(name) for name in spec.key)
    outcomes = f"{into}_row_outcomes"
    connection.execute(
        f"""create table {outcomes} as
        with current as (
            select {key}, _row_hash as stored_hash, {version} as stored_version
            from {stored} semi join {sound} using ({key})
        ),
        ranked as (
            select _row, {key}, _row_hash, {version} as version,
                row_number() over (
                    partition by {key}, _row_hash order by {version} desc nulls first, _row desc
                ) as copy_rank,
                row_number() over (
                    partition by {key} order by {version} desc nulls first, _row desc
                ) as age_rank
            from {sound}
        )
        select ranked._row,
            case
                when copy_rank > 1 or _row_hash = stored_hash then 'duplicate'
                when age_rank > 1 or version < stored_version then 'superseded'
                else 'loaded'
            end as outcome,
            null::varchar as note,
            null::bigint as line_number
        from ranked left join current using ({key})"""
    )
    return outcomes


def _first_wins(
    connection: duckdb.DuckDBPyConnection,
    spec: TableSpec,
    sound: str,
    stored: str,
    places: str,
    into: str,
) -> str:
    key = ", ".join(quoted(name) for name in spec.key)
    named = " || ', ' || ".join(f"{quoted(k)}" for k in spec.key)
    outcomes = f"{into}_row_outcomes"
    connection.execute(
        f"""create table {outcomes} as
        with current as (
            select {key}, _row_hash as stored_hash, _file as stored_file, _line as stored_line
            from {stored} semi join {sound} using ({key})
        ),
        candidates as (
            select t._row, {key}, t._row_hash, t._line, p.name, stored_hash, stored_file,
                stored_line,
                stored_hash is null or stored_file = p.name as is_eligible
            from {sound} as t
            inner join {places} as p using (_place_no)
            left join current using ({key})
        ),
        chosen as (
            select *,
                min(_row) filter (where is_eligible) over (partition by {key}) as chosen_row,
                arg_min(_row_hash, _row) filter (where is_eligible)
                    over (partition by {key}) as chosen_hash,
                arg_min(name, _row) filter (where is_eligible)
                    over (partition by {key}) as chosen_name,
                arg_min(_line, _row) filter (where is_eligible)
                    over (partition by {key}) as chosen_line
            from candidates
        )
        select _row,
            case
                when _row_hash <> coalesce(chosen_hash, stored_hash) then 'conflict'
                when _row = chosen_row and _row_hash is distinct from stored_hash then 'loaded'
                else 'duplicate'
            end as outcome,
            {literal(", ".join(spec.key))} || ' ''' || {named} || ''' already exists in '
                || {literal(spec.source + "/")} || coalesce(chosen_name, stored_file) || ' line '
                || coalesce(chosen_line, stored_line) || ' with different values' as note,
            null::bigint as line_number
        from chosen"""
    )
    return outcomes
