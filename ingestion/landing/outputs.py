"""Makes the relations that a load writes: rows, quarantine, warnings, superseded, loads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields

import duckdb

from onecdp.warehouse.sql_text import quoted

from ..declaration import TableSpec
from ..raw_tables import PLACE, columns_sql
from .checking import Checked
from .deduplicate import Outcomes
from .renamed import own_names_json
from .staging import Staged, payload

REPEATED = "_repeated"


@dataclass(frozen=True)
class Counts:
    """Rows of one load; read = loaded + quarantined + duplicate + superseded + erased.

    `erased` are rows of erased people, which are not stored. `withdrawn` are stored lines that a
    new version of their invoice doesn't have.
    """

    read: int = 0
    loaded: int = 0
    quarantined: int = 0
    duplicate: int = 0
    superseded: int = 0
    withdrawn: int = 0
    erased: int = 0


@dataclass(frozen=True)
class Results:
    """The relations of all steps before the outputs.

    Attributes:
        staged: The rows as read.
        checked: The rows by soundness.
        outcomes: What becomes of the sound ones.
        places: `_place_no`, `name`, `fingerprint`, `is_new`, `content` and `stream` of the places.
        load_time: One row, `loaded_at`.
    """

    staged: Staged
    checked: Checked
    outcomes: Outcomes
    places: str
    load_time: str


def write_rows(
    connection: duckdb.DuckDBPyConnection, spec: TableSpec, results: Results, into: str
) -> None:
    """Makes `into`: a view of the rows to write, with the time of the load."""
    connection.execute(f"create table {into}_empty ({columns_sql(spec)})")
    connection.execute(
        f"""create view {into} as
        select * from {into}_empty
        union all by name
        select * exclude (_row), (select loaded_at from {results.load_time}) as _loaded_at
        from {results.outcomes.written}"""
    )


def replaces_rows(
    connection: duckdb.DuckDBPyConnection, spec: TableSpec, outcomes: Outcomes
) -> bool:
    """Whether a row that is written takes the place of a stored one."""
    key = ", ".join(map(quoted, spec.key))
    removed = f"(select count(*) from {outcomes.lines.removed})" if outcomes.lines else "0"
    (counts,) = connection.execute(
        f"select (select count(*) from {outcomes.stored}), {removed}"
    ).fetchall()
    if not any(counts):
        return False
    replaced = f"select 1 from {outcomes.stored} semi join {outcomes.written} using ({key}) limit 1"
    return bool(counts[1] or connection.execute(replaced).fetchall())


def write_quarantine(
    connection: duckdb.DuckDBPyConnection,
    spec: TableSpec,
    results: Results,
    refused: Mapping[str, tuple[str, str]],
    stored: str,
    into: str,
) -> None:
    """Makes `into`: a row per bad row, and one without a line per refused place.

    The latter only if `stored`, the quarantine so far, does not say it already; nor does it get a
    row that a place repeats of its stream. These are in `into` + REPEATED, with `_place_no`.

    Args:
        connection: Where the relations are.
        spec: The table.
        results: Of the steps before.
        refused: The fingerprint and the reason of each refused place, by its name.
        stored: The quarantine in the warehouse.
        into: The name of the new relation.
    """
    place = PLACE.format("p", "bad")
    extras = results.staged.extras
    is_conflict = "o.outcome = 'conflict'"
    conflicts = f"select 1 from {results.outcomes.rows} as o where {is_conflict} limit 1"
    if not connection.execute(conflicts).fetchall():
        # Then the text need not be read again.
        is_conflict = "false"
    connection.execute(
        f"""create temp table {into}_bad as
        with bad as (
            select _place_no, _part, _line, reason, payload from {results.checked.bad}
            union all
            select raw._place_no, raw._part, raw._line, o.note, {payload(spec, extras)}
            from {results.staged.text} as raw inner join {results.outcomes.rows} as o using (_row)
            where {is_conflict}
        )
        select md5(concat_ws(chr(10), {place}, fingerprint, _line)) as quarantine_id,
            {place} as file, fingerprint, _line as line, reason, payload,
            (select loaded_at from {results.load_time}) as quarantined_at,
            _place_no, if(repeats, stream, null) as _stream
        from bad inner join {results.places} as p using (_place_no)"""
    )
    connection.execute(
        f"""create table {into}{REPEATED} as
        with said as (
            -- Distinct before it is compared: a place may repeat one bad row thousands of times.
            select distinct s.reason, s.payload, b._stream
            from {stored} as s inner join (select distinct _stream from {into}_bad) as b
                on starts_with(s.file, b._stream || '/')
        )
        select * exclude (_stream)
        from {into}_bad semi join said using (reason, payload, _stream)"""
    )
    connection.execute(
        f"""create table {into} as
        select * exclude (_place_no, _stream)
        from {into}_bad anti join {into}{REPEATED} using (quarantine_id)
        order by file, line"""
    )
    for name, (fingerprint, reason) in sorted(refused.items()):
        connection.execute(
            f"""insert into {into}
            select md5(concat_ws(chr(10), $1, $2)), $1, $2, null, $3, null, loaded_at
            from {results.load_time}
            where not exists (
                select 1 from {stored}
                where file = $1 and fingerprint = $2 and line is null and reason = $3
            )""",
            [name, fingerprint, reason],
        )


def write_warnings(connection: duckdb.DuckDBPyConnection, results: Results, into: str) -> None:
    """Makes `into`: a row per value that can't be read and is null in a row that was loaded."""
    place = PLACE.format("p", "t")
    connection.execute(
        f"""create table {into} as
        select md5(concat_ws(chr(10), {place}, fingerprint, t._line, w.column_name)) as warning_id,
            {place} as file, fingerprint, t._line as line, w.column_name, w.value, w.reason,
            (select loaded_at from {results.load_time}) as warned_at
        from {results.checked.warned} as w
        inner join {results.checked.sound} as t using (_row)
        inner join {results.outcomes.rows} as o using (_row)
        inner join {results.places} as p using (_place_no)
        where o.outcome = 'loaded'
        order by file, line, w.column_name"""
    )


def write_superseded(connection: duckdb.DuckDBPyConnection, results: Results, into: str) -> None:
    """Makes `into`: a row per superseded row, with the file and the line that superseded it.

    No value of the rows is stored.
    """
    place = PLACE.format("p", "t")
    connection.execute(
        f"""create table {into} as
        select md5(concat_ws(chr(10), {place}, fingerprint, t._line)) as superseded_id,
            {place} as file, fingerprint, t._line as line, o.by_file, o.by_line,
            (select loaded_at from {results.load_time}) as superseded_at
        from {results.checked.sound} as t
        inner join {results.outcomes.rows} as o using (_row)
        inner join {results.places} as p using (_place_no)
        where o.outcome = 'superseded'
        order by t._row"""
    )
    unnamed = connection.execute(f"select file, line from {into} where by_file is null").fetchall()
    if unnamed:
        raise AssertionError(f"nothing is named that superseded {unnamed}")


def write_loads(
    connection: duckdb.DuckDBPyConnection,
    spec: TableSpec,
    results: Results,
    quarantine: str,
    into: str,
) -> None:
    """Makes `into`: a row per place that was loaded, with what became of its rows.

    Also one per place that was not, but no longer names invoices that are withdrawn.

    Args:
        connection: Where the relations are.
        spec: The table.
        results: Of the steps before.
        quarantine: What `write_quarantine` made.
        into: The name of the new relation.

    Raises:
        AssertionError: a row that was read is in none of the counts; nothing may be written.
    """
    lines = results.outcomes.lines
    removed = lines.removed if lines else "(select 0 as _place_no limit 0)"
    connection.execute(
        f"""create table {into} as
        with outcomes as (
            select t._place_no, o.outcome
            from {results.checked.sound} as t inner join {results.outcomes.rows} as o using (_row)
            union all
            select _place_no, 'conflict' from {results.checked.bad}
            union all
            select _place_no, 'erased' from {results.checked.erased}
        ),
        counted as (
            select _place_no,
                count(*) filter (where outcome = 'loaded') as rows_loaded,
                count(*) filter (where outcome = 'conflict') as rows_quarantined,
                count(*) filter (where outcome = 'duplicate') as rows_duplicate,
                count(*) filter (where outcome = 'superseded') as rows_superseded,
                count(*) filter (where outcome = 'erased') as rows_erased
            from outcomes group by _place_no
        ),
        staged as (
            select _place_no, count(*) as rows_read
            from (
                select _place_no from {results.staged.text}
                union all
                select _place_no from {results.staged.broken}
            )
            group by _place_no
        ),
        withdrawn as (
            select _place_no, count(*) as rows_withdrawn from {removed} group by all
        ),
        repeated as (
            select _place_no, count(*) as rows_repeated from {quarantine}{REPEATED} group by all
        )
        select name as file, fingerprint,
            coalesce(rows_read, 0) as rows_read,
            coalesce(rows_loaded, 0) as rows_loaded,
            coalesce(rows_quarantined, 0) - coalesce(rows_repeated, 0) as rows_quarantined,
            coalesce(rows_duplicate, 0) + coalesce(rows_repeated, 0) as rows_duplicate,
            coalesce(rows_superseded, 0) as rows_superseded,
            coalesce(rows_withdrawn, 0) as rows_withdrawn,
            coalesce(rows_erased, 0) as rows_erased,
            list_contains($ambiguous, _place_no) as has_ambiguous_dates,
            content,
            stream,
            map($streamed::integer[], $positions::varchar[])[_place_no] as position,
            if(is_new, list_extract($columns::varchar[], _place_no + 1), null) as columns,
            $own_names as own_names,
            (select loaded_at from {results.load_time}) as loaded_at
        from {results.places}
        left join staged using (_place_no)
        left join counted using (_place_no)
        left join withdrawn using (_place_no)
        left join repeated using (_place_no)
        where not list_contains($refused, _place_no) and (is_new or rows_withdrawn > 0)
        order by _place_no""",
        {
            "refused": list(results.staged.refused),
            "ambiguous": list(results.staged.ambiguous_dates),
            "streamed": list(results.staged.positions),
            "positions": list(results.staged.positions.values()),
            "columns": [json.dumps(names, ensure_ascii=False) for names in results.staged.columns],
            "own_names": own_names_json(spec),
        },
    )
    unbalanced = connection.execute(
        f"select file, rows_read from {into} where rows_read <> "
        "rows_loaded + rows_quarantined + rows_duplicate + rows_superseded + rows_erased"
    ).fetchall()
    if unbalanced:
        raise AssertionError(f"rows read and rows accounted for differ: {unbalanced}")


def totals(connection: duckdb.DuckDBPyConnection, loads: str) -> Counts:
    """The sums of the loads."""
    sums = ", ".join(f"coalesce(sum(rows_{field.name}), 0)::bigint" for field in fields(Counts))
    (row,) = connection.execute(f"select {sums} from {loads}").fetchall()
    return Counts(*row)
