"""Types the staged rows and separates the sound ones from the bad and the erased."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from onecdp.warehouse.sql_text import quoted

from ..declaration import Kind, TableSpec
from ..erasure.filtering import filter_erased
from ..erasure.tombstones import Tombstones
from ..raw_tables import content_hash
from .kinds import amount_complaint, complaint, typed
from .staging import Staged, payload


@dataclass(frozen=True)
class Checked:
    """The rows of `Staged`, each in one of three relations.

    Attributes:
        sound: Position, typed columns and `_row_hash`.
        bad: Position, reason, payload; the broken rows too.
        erased: `_row` and `_place_no` of rows of erased people.
    """

    sound: str
    bad: str
    erased: str


def check(
    connection: duckdb.DuckDBPyConnection,
    spec: TableSpec,
    staged: Staged,
    tombstones: Tombstones | None,
    into: str,
) -> Checked:
    """Makes the relations, whose names begin with `into`."""
    checked = Checked(f"{into}_sound", f"{into}_bad", f"{into}_erased")
    every = f"{into}_all"
    kinds = [(column.name, column.kind) for column in spec.columns]
    kinds += [(extra, Kind.TEXT) for extra in staged.extras]
    columns = ", ".join(f"{typed(name, kind)} as {quoted(name)}" for name, kind in kinds)
    complaints = [text for text in map(complaint, spec.columns) if text]
    if spec.amount:
        complaints.append(amount_complaint(spec.amount))
    reasons = ", ".join(complaints) or "null"
    connection.execute(
        f"create table {every} as select _row, _place_no, _part, _line, {columns} "
        f"from {staged.text}"
    )
    connection.execute(
        f"""create table {checked.bad} as
        with reasons as (
            select _row, nullif(concat_ws('; ', {reasons}), '') as reason
            from {staged.text} as raw inner join {every} as t using (_row)
        )
        select raw._row, raw._place_no, raw._part, raw._line, reasons.reason,
            {payload(spec, staged.extras)} as payload
        from reasons inner join {staged.text} as raw using (_row)
        where reasons.reason is not null
        union all
        select * from {staged.broken}"""
    )
    connection.execute(f"delete from {every} where _row in (select _row from {checked.bad})")
    filter_erased(connection, spec, every, checked.erased, staged.extras, tombstones)
    connection.execute(
        f"create table {checked.sound} as "
        f"select *, {content_hash(spec, staged.extras)} as _row_hash from {every}"
    )
    connection.execute(f"drop table {every}")
    return checked
