"""Shows what becomes of each sound row, and which values can't be read."""

from __future__ import annotations

import duckdb

from onecdp.warehouse.sql_text import quoted

from ..declaration import TableSpec
from ..raw_tables import PLACE
from .outputs import Results


def show_outcomes(
    connection: duckdb.DuckDBPyConnection, spec: TableSpec, results: Results, into: str
) -> None:
    """Makes `into`: a view of the sound rows, which costs nothing until it is read.

    It has `_file`, `_line`, `_outcome` (`deduplicate` has the outcomes), `_by_file`, `_by_line`,
    `_is_held` (whether the warehouse has the row's key, or its invoice), and the typed columns.
    """
    key = (spec.group,) if spec.group else spec.key
    is_same = " and ".join(f"h.{quoted(name)} = t.{quoted(name)}" for name in key)
    connection.execute(
        f"""create view {into} as
        select {PLACE.format("p", "t")} as _file, t._line,
            o.outcome as _outcome, o.by_file as _by_file, o.by_line as _by_line,
            exists (select 1 from {results.outcomes.stored} as h where {is_same}) as _is_held,
            t.* exclude (_row, _place_no, _part, _line, _header, _complains)
        from {results.checked.sound} as t
        inner join {results.outcomes.rows} as o using (_row)
        inner join {results.places} as p using (_place_no)"""
    )


def show_unreadable(connection: duckdb.DuckDBPyConnection, results: Results, into: str) -> None:
    """Makes `into`: a view of optional values that can't be read, whatever becomes of their rows.

    It has `file`, `line`, `column_name` and `value`. Rows of erased people are left out.
    """
    checked = results.checked
    connection.execute(
        f"""create view {into} as
        select {PLACE.format("p", "raw")} as file, raw._line as line, w.column_name, w.value
        from {checked.warned} as w
        inner join {results.staged.text} as raw using (_row)
        inner join {results.places} as p using (_place_no)
        anti join {checked.erased} using (_row)"""
    )
