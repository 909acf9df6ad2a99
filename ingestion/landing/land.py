"""From the places that a reader names to the rows that a load writes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from onecdp.warehouse.sql_text import literal

from ..declaration import TableSpec
from ..erasure.filtering import HIDDEN, hide_quarantined, names_erased
from ..erasure.tombstones import Tombstones, read_tombstones
from ..raw_tables import undeclared_columns
from .arrivals import Arrivals, Ledger, Notify, Place
from .checking import Checked, check
from .copies import notice_of_copy, read_ledger
from .date_order import earlier_files, read_month_first
from .deduplicate import deduplicate
from .invoice_lines import Lines, write_lines
from .invoice_notices import notices_of_lines
from .landed import Landed
from .missing_invoices import find_missing, named_groups, notices_of_missing
from .outputs import (
    REPEATED,
    Results,
    replaces_rows,
    totals,
    write_loads,
    write_quarantine,
    write_rows,
    write_superseded,
    write_warnings,
)
from .plain_identifiers import find_plain, write_plain
from .row_outcomes import show_outcomes, show_unreadable
from .staging import Staged, stage
from .stored import Stored, attach, check_types, detach

QUARANTINE = "_quarantine"
WARNINGS = "_warnings"
SUPERSEDED = "_superseded"
LOADS = "_loads"
PLAIN = "_plain"
LOAD_TIME = "_load_time"

ListPlaces = Callable[[Ledger], Mapping[str, Arrivals]]
"""Names the places of every table, given those that were loaded before."""


def clock() -> dt.datetime:
    """The time of a load."""
    return dt.datetime.now(dt.UTC)


def land(
    connection: duckdb.DuckDBPyConnection,
    tables: Sequence[TableSpec],
    list_places: ListPlaces,
    warehouse: Path,
    notify: Notify,
    withdraw_missing: bool = False,
) -> Landed:
    """Reads the new places of a source, checks their rows and compares them with the warehouse.

    The warehouse is only read, and detached before this returns.

    Args:
        connection: The scratch database.
        tables: The tables of the source.
        list_places: Names the places of the tables.
        warehouse: The warehouse's file.
        notify: Gets what the user should know.
        withdraw_missing: Whether invoices are withdrawn that no place names any more.

    Raises:
        TypeChanged: a column of a raw table would change its type.
        KeyProblem: the key of the tombstones is missing.
    """
    stored = attach(connection, tables, warehouse)
    tombstones = read_tombstones(connection, "warehouse", warehouse.parent)
    loaded, ledger, renamed = read_ledger(connection, stored.loads, tables)
    arrivals = list_places(ledger)
    _set_load_time(connection, stored)
    load = _Load(connection, stored, tombstones, loaded, renamed, notify, withdraw_missing)
    landed = [load.land(spec, arrivals.get(spec.table, Arrivals())) for spec in tables]
    for name in (QUARANTINE, QUARANTINE + REPEATED, WARNINGS, SUPERSEDED, LOADS):
        _unite(connection, tables, name)
    found_plain = [f"{spec.table}__{PLAIN}" for spec in tables]
    write_plain(connection, found_plain, stored.plain, LOAD_TIME, PLAIN)
    if tombstones:
        for name in (QUARANTINE, QUARANTINE + REPEATED):
            hide_quarantined(connection, name, tombstones.holds_value)
        hide_quarantined(connection, WARNINGS, tombstones.holds_value, "value")
    # A load that brings rows is one of a place.
    relations = [QUARANTINE, LOADS]
    counts = " + ".join(f"(select count(*) from {relation})" for relation in relations)
    (waiting,) = connection.execute(f"select {counts}").fetchall()[0]
    (warned,) = connection.execute(f"select count(*) from {WARNINGS}").fetchall()[0]
    detach(connection)
    return Landed(
        connection=connection,
        tables=tuple((spec, table.rows) for spec, table in zip(tables, landed, strict=True)),
        replacing=frozenset(
            spec.table for spec, table in zip(tables, landed, strict=True) if table.replaces
        ),
        outcomes={spec.table: t.outcomes for spec, t in zip(tables, landed, strict=True)},
        unreadable=tuple(table.unreadable for table in landed),
        quarantine=QUARANTINE,
        repeated=QUARANTINE + REPEATED,
        warnings=WARNINGS,
        superseded=SUPERSEDED,
        plain=PLAIN,
        loads=LOADS,
        load_time=LOAD_TIME,
        places_loaded=sum(table.places_loaded for table in landed),
        places_skipped=sum(
            place.name not in table.refused
            for spec, table in zip(tables, landed, strict=True)
            for place in arrivals.get(spec.table, Arrivals()).unchanged
        )
        + sum(listed.idle for listed in arrivals.values()),
        refused=tuple(sorted(pair for table in landed for pair in table.refused.items())),
        left_out=tuple(sorted(pair for table in landed for pair in table.left_out)),
        notices=tuple(pair for table in landed for pair in table.notices),
        counts=totals(connection, LOADS),
        warned=warned,
        is_current=stored.is_current,
        is_empty=stored.is_current and not waiting,
    )


@dataclass(frozen=True)
class _LandedTable:
    rows: str
    outcomes: str
    unreadable: str
    replaces: bool
    places_loaded: int
    refused: dict[str, str]
    left_out: tuple[tuple[str, str], ...]
    notices: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class _Load:
    """One load of a source, table by table."""

    connection: duckdb.DuckDBPyConnection
    stored: Stored
    tombstones: Tombstones | None
    loaded_before: frozenset[str]
    renamed: Mapping[str, str]
    notify: Notify
    withdraw_missing: bool

    def land(self, spec: TableSpec, arrivals: Arrivals) -> _LandedTable:
        """Takes the rows of one table through all steps."""
        connection, name = self.connection, f"{spec.table}__"
        stored = self.stored.tables[spec.table]
        staged, checked = self._read(spec, arrivals.new, f"{name}new")
        check_types(connection, spec, stored, checked.sound)
        left_out = [(place, self._hidden(reason)) for place, reason in staged.left_out]
        left_out += [(place, f"it {reason}") for place, reason in arrivals.left_out.items()]
        for place_name, reason in left_out:
            self.notify(f"{spec.source}/{place_name}: left out, {reason}")
        notices = [(p.name, self.renamed[p.name]) for p in arrivals.new if p.name in self.renamed]
        notices += [*arrivals.notices.items(), *staged.notices]
        notices += self._misread(spec, arrivals.new, staged)
        refused = {place: ("", reason) for place, reason in arrivals.refused.items()}
        for place_no, reason in staged.refused.items():
            place = arrivals.new[place_no]
            refused[place.name] = (place.fingerprint, reason)
        for place_name, copy in arrivals.copies.items():
            if copy.loaded_at is None and copy.original in refused:
                refused[place_name] = refused[copy.original]
            else:
                notices.append((place_name, notice_of_copy(copy)))
        refused = {place: (f, self._hidden(reason)) for place, (f, reason) in refused.items()}
        # A refused version changes nothing: what an earlier one brought stays.
        places = f"{name}places"
        _list_places(connection, arrivals, places)
        outcomes = deduplicate(connection, spec, staged, checked, stored, places, f"{name}new")
        if outcomes.lines:
            notices += notices_of_lines(connection, spec, outcomes.lines, places)
            notices += self._find_missing(
                spec, arrivals, outcomes.lines, checked, set(refused), places
            )
            written = outcomes.written
            write_lines(
                connection,
                spec,
                outcomes.lines,
                checked.sound,
                staged.extras,
                stored,
                places,
                written,
            )
        for place_name, text in notices:
            self.notify(f"{spec.source}/{place_name}: {text}")
        results = Results(staged, checked, outcomes, places, LOAD_TIME)
        rows = f"{name}rows"
        write_rows(connection, spec, results, rows)
        write_quarantine(
            connection, spec, results, refused, self.stored.quarantine, name + QUARANTINE
        )
        write_warnings(connection, results, name + WARNINGS)
        write_superseded(connection, results, name + SUPERSEDED)
        write_loads(connection, spec, results, name + QUARANTINE, name + LOADS)
        find_plain(connection, spec, results, name + PLAIN)
        show_outcomes(connection, spec, results, f"{name}outcomes")
        show_unreadable(connection, results, f"{name}unreadable")
        return _LandedTable(
            rows,
            f"{name}outcomes",
            f"{name}unreadable",
            spec.table in self.stored.unseen or replaces_rows(connection, spec, outcomes),
            len(arrivals.new) - len(staged.refused),
            {place: reason for place, (_, reason) in refused.items()},
            tuple(left_out),
            tuple(notices),
        )

    def _read(self, spec: TableSpec, places: Sequence[Place], into: str) -> tuple[Staged, Checked]:
        extras = undeclared_columns(self.connection, spec, self.stored.tables[spec.table])
        # Somebody may have been erased by a plain value, before such values were hashed.
        keeps_plain = self.tombstones is not None
        staged = stage(
            self.connection, spec, places, self.notify, extras, into, keeps_plain=keeps_plain
        )
        return staged, check(self.connection, spec, staged, self.tombstones, LOAD_TIME, into)

    def _misread(
        self, spec: TableSpec, places: Sequence[Place], staged: Staged
    ) -> list[tuple[str, str]]:
        """Names the files that were read month first, if a new one writes dates day first."""
        if spec.date_order is not None or not staged.other_dates:
            return []
        files = set(read_month_first(self.connection, self.stored.loads))
        files |= {places[place_no].name for place_no in staged.ambiguous_dates}
        if not files:
            return []
        shown_by = places[staged.other_dates[0]].name
        return [(shown_by, earlier_files(spec.source, f"{spec.source}/{shown_by}", sorted(files)))]

    def _hidden(self, reason: str) -> str:
        tombstones = self.tombstones
        return HIDDEN if tombstones and names_erased(reason, tombstones.holds_value) else reason

    def _find_missing(
        self,
        spec: TableSpec,
        arrivals: Arrivals,
        lines: Lines,
        checked: Checked,
        refused: set[str],
        places: str,
    ) -> list[tuple[str, str]]:
        """Finds invoices that the places which brought them no longer name; may withdraw them."""
        changed = [p.name for p in arrivals.new if p.name in self.loaded_before - refused]
        if not (self.withdraw_missing or changed):
            return []
        connection, stored = self.connection, self.stored.tables[spec.table]
        named, missing = [named_groups(spec, checked)], f"{spec.table}__missing"
        if self.withdraw_missing:
            staged, others = self._read(spec, arrivals.unchanged, f"{spec.table}__unchanged")
            if unread := sorted(refused | {arrivals.unchanged[no].name for no in staged.refused}):
                return [(unread[0], "cannot be read, so --withdraw-missing withdraws nothing")]
            named.append(named_groups(spec, others))
            changed += [place.name for place in arrivals.unchanged]
        find_missing(connection, spec, stored, " union all ".join(named), places, changed, missing)
        is_kept = not self.withdraw_missing
        if self.withdraw_missing:
            connection.execute(f"insert into {lines.removed} by name from {missing}")
        return list(notices_of_missing(connection, spec, missing, places, is_kept))


def _list_places(connection: duckdb.DuckDBPyConnection, arrivals: Arrivals, into: str) -> None:
    """Makes `into`, the relation `Results.places`; the new places come first."""
    connection.execute(
        f"create table {into} (_place_no integer, name varchar, fingerprint varchar, "
        "is_new boolean, content varchar, stream varchar, repeats boolean)"
    )
    rows = [
        (
            no,
            place.name,
            place.fingerprint,
            no < len(arrivals.new),
            place.content,
            place.stream,
            place.repeats,
        )
        for no, place in enumerate([*arrivals.new, *arrivals.unchanged])
    ]
    if rows:
        connection.executemany(f"insert into {into} values ($1, $2, $3, $4, $5, $6, $7)", rows)


def _set_load_time(connection: duckdb.DuckDBPyConnection, stored: Stored) -> None:
    """Makes LOAD_TIME: one value, later than any stored one even if the clock was put back."""
    stored_times = "".join(
        f", (select max(_loaded_at) from {relation}) + interval 1 microsecond"
        for relation in stored.tables.values()
    )
    connection.execute(
        f"""create table {LOAD_TIME} as
        select greatest(
            $1::timestamptz{stored_times},
            (select max(loaded_at) from {stored.loads}) + interval 1 microsecond
        ) as loaded_at""",
        [clock()],
    )


def _unite(connection: duckdb.DuckDBPyConnection, tables: Sequence[TableSpec], name: str) -> None:
    """Makes one relation of those of all tables, which says the table where there are several."""
    selects = [
        f"select *{f', {literal(spec.table)} as table_name' if len(tables) > 1 else ''} "
        f"from {spec.table}__{name}"
        for spec in tables
    ]
    connection.execute(f"create table {name} as {' union all '.join(selects)}")
