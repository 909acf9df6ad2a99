"""From a folder of files to the rows that a load brings."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from ..erasure.loading import HIDDEN, hide_quarantined, names_erased
from ..erasure.tombstones import Tombstones, read_tombstones
from . import store
from .discover import SourceFile, discover
from .outputs import Counts, totals, write_loads, write_quarantine, write_rows
from .scratch import Notify, stage
from .spec import TableSpec
from .verdicts import find_leaving, find_namesakes, find_other_holders, judge

BATCH_ROWS = 100_000


@dataclass(frozen=True)
class Intake:
    """What a load of one source brings.

    The rows wait in the scratch database, in the tables `out_rows`, `out_quarantine` and
    `out_loads`; `is_empty` means that there is nothing to write.
    """

    spec: TableSpec
    connection: duckdb.DuckDBPyConnection
    files_loaded: int
    files_skipped: int
    refused: tuple[tuple[str, str], ...]
    counts: Counts
    is_empty: bool
    tombstones: Tombstones | None = None

    def batches(self, table: str, key: tuple[str, ...]) -> Iterator[pa.Table]:
        """The rows of one of the `out_` tables; an empty table comes as one empty batch."""
        # dlt reads the tables in turns, and a connection's next query ends the one before.
        with self.connection.cursor() as cursor:
            (total,) = cursor.execute(f"select count(*) from {table}").fetchall()[0]
            reader = cursor.execute(f"select * from {table}").to_arrow_reader(BATCH_ROWS)
            fields = [_portable(f.with_nullable(f.name not in key)) for f in reader.schema]
            schema = pa.schema(fields)
            if not total:
                yield schema.empty_table()
            sent = 0
            for batch in reader:
                yield pa.Table.from_batches([batch]).cast(schema)
                sent += batch.num_rows
        if sent != total:
            raise AssertionError(f"{sent} of {total} rows of {table} were handed over")


def clock() -> dt.datetime:
    """The time of a load."""
    return dt.datetime.now(dt.UTC)


def _portable(column: pa.Field) -> pa.Field:
    if pa.types.is_timestamp(column.type) and column.type.tz is not None:
        return column.with_type(pa.timestamp("us", "UTC"))
    return column


def take_in(
    connection: duckdb.DuckDBPyConnection,
    spec: TableSpec,
    folder: Path,
    warehouse: Path,
    scratch: Path,
    notify: Notify,
) -> Intake:
    """Reads what is new in `folder`, checks it and compares it with the warehouse.

    The warehouse is only read, and let go of before this returns.
    """
    is_complete = store.attach(connection, spec, warehouse)
    tombstones = read_tombstones(connection, "warehouse", warehouse.parent)
    files, ignored = discover(folder, spec.excel)
    for name in ignored:
        notify(f"{spec.source}/{name}: ignored, not a kind of file that is loaded")
    known = connection.execute(
        "select file, arg_max(fingerprint, loaded_at) from stored_loads group by file"
    )
    latest: dict[str, str] = dict(known.fetchall())
    refused: dict[str, str] = {}
    fingerprints: dict[str, str] = {}
    for file in files:
        try:
            fingerprints[file.name] = file.fingerprint()
        except OSError as error:
            refused[file.name] = f"cannot be read ({error.strerror or error})"
            fingerprints[file.name] = ""
    new = [f for f in files if f.name not in refused and latest.get(f.name) != fingerprints[f.name]]
    changed = {file.name for file in new}
    old = [f for f in files if f.name not in refused and f.name not in changed]

    staged = stage(connection, spec, new, "new", scratch, notify, tombstones)
    refused |= {new[file_no].name: reason for file_no, reason in staged.refused.items()}
    if tombstones:
        for name, reason in refused.items():
            if names_erased(reason, tombstones.holds_value):
                refused[name] = HIDDEN
    # A refused version changes nothing: what an earlier one brought stays.
    _list_files(connection, new, fingerprints, set(latest) - set(refused))
    judge(connection, spec)
    for name, lines in find_namesakes(connection, spec):
        notify(
            f"{spec.source}/{name}: keeps none of its {lines:,} earlier lines: taken for another "
            "file of the same name; nothing was withdrawn"
        )
    if spec.group is not None and find_leaving(connection, spec) and old:
        # Rare, so they are read again rather than that every line's every place is stored.
        stage(connection, spec, old, "old", scratch, notify, tombstones)
        names = [(number, file.name) for number, file in enumerate(old)]
        connection.execute("create table old_files (_file_no integer, name varchar)")
        connection.executemany("insert into old_files values ($1, $2)", names)
        find_other_holders(connection, spec)
    write_rows(connection, spec, staged)
    store.check_types(connection, spec)
    write_quarantine(connection, spec, staged, refused, fingerprints)
    if tombstones:
        hide_quarantined(connection, "out_quarantine", tombstones.holds_value)
    write_loads(connection, spec, staged)
    waiting = connection.execute(
        "select (select count(*) from out_rows) + (select count(*) from out_quarantine) "
        "+ (select count(*) from out_loads)"
    ).fetchall()[0][0]
    store.detach(connection)
    return Intake(
        spec=spec,
        connection=connection,
        files_loaded=len(new) - len(staged.refused),
        files_skipped=len(old),
        refused=tuple(sorted(refused.items())),
        counts=totals(connection),
        is_empty=is_complete and not waiting,
        tombstones=tombstones,
    )


def _list_files(
    connection: duckdb.DuckDBPyConnection,
    files: list[SourceFile],
    fingerprints: dict[str, str],
    loaded_before: set[str],
) -> None:
    connection.execute(
        "create table files "
        "(_file_no integer, name varchar, fingerprint varchar, is_changed boolean)"
    )
    if files:
        rows = [
            (no, f.name, fingerprints[f.name], f.name in loaded_before)
            for no, f in enumerate(files)
        ]
        connection.executemany("insert into files values ($1, $2, $3, $4)", rows)
    # One value for the load, later than any stored one even if the clock was put back.
    connection.execute(
        """create table load_time as
        select greatest(
            $1::timestamptz,
            (select max(_loaded_at) from stored) + interval 1 microsecond,
            (select max(loaded_at) from stored_loads) + interval 1 microsecond
        ) as loaded_at""",
        [clock()],
    )
