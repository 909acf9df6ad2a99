"""What a load of one source brings, and its rows in batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from ..declaration import TableSpec
from .outputs import Counts

BATCH_ROWS = 122_880
"""As many as a row group of DuckDB has: it then writes them with all threads, and moves none."""


@dataclass(frozen=True)
class Landed:
    """What a load of one source brings; the rows wait in the scratch database.

    Attributes:
        connection: The scratch database.
        tables: The tables of the source, each with the relation of its new rows.
        replacing: Those of them in which a new row takes the place of a stored one.
        outcomes: The view of each table's sound rows (`row_outcomes`), by the table's name.
        unreadable: Views of optional values that can't be read (`row_outcomes`), one per table.
        quarantine: The relation of quarantined rows.
        repeated: The relation of bad rows that the quarantine has of an earlier load.
        warnings: The relation of values that could not be read and are null in loaded rows.
        superseded: The relation of superseded rows.
        plain: The relation of plain values that the settings want kept.
        loads: The relation of loads, a row per place.
        load_time: The relation with the time of the load, `loaded_at`.
        places_loaded: Places that were read.
        places_skipped: Places that were loaded before and have not changed, and streams with
            nothing new.
        refused: Places of which nothing was loaded, with the reason.
        left_out: What else was not read, with the reason.
        notices: What else to tell, by place.
        counts: What became of the rows.
        warned: How many warnings there are.
        is_current: Whether the warehouse has all tables with all their columns.
        is_empty: Whether there is nothing to write.
    """

    connection: duckdb.DuckDBPyConnection
    tables: tuple[tuple[TableSpec, str], ...]
    replacing: frozenset[str]
    outcomes: Mapping[str, str]
    unreadable: tuple[str, ...]
    quarantine: str
    repeated: str
    warnings: str
    superseded: str
    plain: str
    loads: str
    load_time: str
    places_loaded: int
    places_skipped: int
    refused: tuple[tuple[str, str], ...]
    left_out: tuple[tuple[str, str], ...]
    notices: tuple[tuple[str, str], ...]
    counts: Counts
    warned: int
    is_current: bool
    is_empty: bool

    @property
    def source(self) -> str:
        """The source's name."""
        return self.tables[0][0].source

    def has_to_write(self, relation: str) -> bool:
        """Whether a relation has rows, or a table or a column is to be made."""
        if not self.is_current:
            return True
        return bool(self.connection.execute(f"select 1 from {relation} limit 1").fetchall())

    def batches(self, relation: str, key: Sequence[str]) -> Iterator[pa.Table]:
        """The rows of a relation; an empty one comes as one empty batch."""
        # dlt reads the relations in turns, and a connection's next query ends the one before.
        with self.connection.cursor() as cursor:
            (total,) = cursor.execute(f"select count(*) from {relation}").fetchall()[0]
            reader = cursor.execute(f"select * from {relation}").to_arrow_reader(BATCH_ROWS)
            fields = [_portable(f.with_nullable(f.name not in key)) for f in reader.schema]
            schema = pa.schema(fields)
            if not total:
                yield schema.empty_table()
            sent = 0
            for batch in _ahead(reader):
                yield pa.Table.from_batches([batch]).cast(schema)
                sent += batch.num_rows
        if sent != total:
            raise AssertionError(f"{sent} of {total} rows of {relation} were handed over")


def _ahead(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    """Yields batches; the next one is made while one is used."""
    with ThreadPoolExecutor(1) as pool:
        batch = pool.submit(next, reader, None)
        while (found := batch.result()) is not None:
            batch = pool.submit(next, reader, None)
            yield found


def _portable(column: pa.Field) -> pa.Field:
    if pa.types.is_timestamp(column.type) and column.type.tz is not None:
        return column.with_type(pa.timestamp("us", "UTC"))
    return column
