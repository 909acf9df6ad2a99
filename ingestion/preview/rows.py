"""Counts rows by what becomes of them, with examples."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import duckdb

from onecdp.warehouse.sql_text import literal, quoted

from ..declaration import TableSpec
from ..landing.landed import Landed
from .report import Example, RowGroup

EXAMPLES = 3
_SHOWN = 200
# Values and places differ from row to row; what is wrong does not.
_GENERAL = "regexp_replace(regexp_replace({}, $$'.*?'$$, '…', 'g'), ' in .* line [0-9]+', ' in …')"


def row_groups(landed: Landed) -> Iterator[RowGroup]:
    """Yields the groups: loaded rows, quarantined ones, values that become null, and the others."""
    for spec, _ in landed.tables:
        yield from _sound(landed, spec, "loaded", "''")
    yield from _bad(landed, "quarantined", landed.quarantine)
    yield from _null(landed)
    for spec, _ in landed.tables:
        again = f"the same {', '.join(_key(spec))} with nothing new"
        told = f"if(_is_held, {literal(f'{again}, in the warehouse')}, {literal(again)})"
        yield from _sound(landed, spec, "duplicate", told)
        newer = f"a newer row of its {', '.join(_key(spec))} says otherwise"
        yield from _sound(landed, spec, "superseded", literal(newer))
    yield from _bad(landed, "duplicate", landed.repeated, "in the quarantine already: ")


def _key(spec: TableSpec) -> tuple[str, ...]:
    return (spec.group,) if spec.group else spec.key


def _sound(landed: Landed, spec: TableSpec, outcome: str, reason: str) -> Iterator[RowGroup]:
    connection, view = landed.connection, landed.outcomes[spec.table]
    described = connection.execute(f"describe {view}").fetchall()
    names = [str(row[0]) for row in described if not str(row[0]).startswith("_")]
    rows = f"(select *, {reason} as _reason from {view} where _outcome = {literal(outcome)})"
    found = connection.execute(f"select _reason, count(*) from {rows} group by all order by 2 desc")
    for text, count in found.fetchall():
        examples = connection.execute(
            f"select _file, _line, {', '.join(f'{quoted(name)}::varchar' for name in names)} "
            f"from {rows} where _reason = $1 order by _file, _line limit {EXAMPLES}",
            [text],
        ).fetchall()
        shown = (
            Example(file, line, _filled(zip(names, values, strict=True)))
            for file, line, *values in examples
        )
        yield RowGroup(outcome, text, count, tuple(shown))


def _bad(landed: Landed, outcome: str, relation: str, told: str = "") -> Iterator[RowGroup]:
    for reason, count, examples in _grouped(landed.connection, relation, "payload"):
        shown = (Example(e["file"], e["line"], _payload(e["payload"])) for e in examples)
        yield RowGroup(outcome, f"{told}{reason}", count, tuple(shown))


def _null(landed: Landed) -> Iterator[RowGroup]:
    columns = "column_name, value"
    for reason, count, examples in _grouped(landed.connection, landed.warnings, columns):
        shown = (
            Example(e["file"], e["line"], _filled([(e["column_name"], e["value"])]))
            for e in examples
        )
        yield RowGroup("null", reason, count, tuple(shown))


def _grouped(
    connection: duckdb.DuckDBPyConnection, relation: str, columns: str
) -> list[tuple[str, int, list[dict[str, Any]]]]:
    """The rows by their reasons, with the first of each; files that are refused are no rows."""
    fields = ", ".join(f"{name}: {name}" for name in ("file", "line", *columns.split(", ")))
    return connection.execute(
        f"""with numbered as (
            select *, {_GENERAL.format("reason")} as general,
                row_number() over (partition by general order by file, line) as place
            from {relation} where line is not null
        )
        select general, count(*),
            list({{{fields}}} order by place) filter (where place <= {EXAMPLES})
        from numbered group by general order by count(*) desc, general"""
    ).fetchall()


def _payload(text: object) -> dict[str, str]:
    if text is None:
        return {}
    try:
        found = json.loads(str(text))
    except ValueError:
        found = None
    if isinstance(found, dict):
        return _filled(found.items())
    return {"row": str(text)[:_SHOWN]}


def _filled(values: Iterable[tuple[object, object]]) -> dict[str, str]:
    return {str(name): str(v)[:_SHOWN] for name, v in values if v is not None and v != ""}
