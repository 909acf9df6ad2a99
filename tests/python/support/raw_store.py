"""A warehouse of one raw table that is loaded without dlt: for tests of many small loads."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import duckdb

from ingestion.declaration import TableSpec
from ingestion.landing.gone import compare_keys
from ingestion.landing.land import land
from ingestion.landing.landed import Landed
from ingestion.landing.scratch import open_scratch
from ingestion.raw_tables import LOADS, QUARANTINE, SUPERSEDED, WARNINGS, columns_sql
from ingestion.readers.files import Files
from ingestion.readers.live import LiveReader, list_arrivals
from ingestion.readers.reader import Context
from onecdp.warehouse.sql_text import quoted

BESIDE = {
    "quarantine": QUARANTINE, "warnings": WARNINGS, "superseded": SUPERSEDED, "loads": LOADS,
}  # fmt: skip


class RawStore:
    """The folder with the files of a source, and a database beside it."""

    def __init__(self, folder: Path, spec: TableSpec) -> None:
        self.spec = spec
        self.files = folder / "files"
        self.files.mkdir()
        self.database = folder / "w.duckdb"
        self.notices: list[str] = []
        dataset, own = spec.dataset, "_dlt_load_id varchar"
        with duckdb.connect(str(self.database)) as connection:
            connection.execute(f"create schema {dataset}; use {dataset}")
            key = f"primary key ({', '.join(spec.key)})"
            connection.execute(f"create table {spec.table} ({columns_sql(spec)}, {own}, {key})")
            for name, types in BESIDE.items():
                columns = ", ".join(f"{column} {kind}" for column, kind in types.items())
                connection.execute(f"create table {name} ({columns}, {own})")
            connection.execute("create table _dlt_loads (load_id varchar, status bigint)")
            connection.execute("insert into _dlt_loads values ('1', 0)")

    def write(self, name: str, *lines: str) -> None:
        (self.files / name).write_text("".join(line + "\n" for line in lines))

    def load(self, *live: LiveReader) -> Landed:
        """Does what dlt does with a load, in a statement per table.

        Args:
            live: The live readers to read beside the files; no settings are asked about it.
        """
        scratch = open_scratch(self.files.parent)
        context = partial(
            Context,
            self.files,
            scratch=self.files.parent,
            notify=self.notices.append,
            compare_keys=partial(compare_keys, scratch),
        )
        files = Files(excel=self.spec.source == "retail")
        landed = land(
            scratch,
            [self.spec],
            lambda loaded: list_arrivals(files, live, [self.spec], context(loaded=loaded)),
            self.database,
            self.notices.append,
        )
        ((_, written),) = landed.tables
        relations = {
            self.spec.table: written, "quarantine": landed.quarantine,
            "warnings": landed.warnings, "superseded": landed.superseded, "loads": landed.loads,
        }  # fmt: skip
        with duckdb.connect(str(self.database)) as connection:
            for table, relation in relations.items():
                new = scratch.execute(f"select *, '1' as _dlt_load_id from {relation}")
                rows = new.to_arrow_table()
                connection.register("new", rows)
                # As dlt does for a column that a file brings.
                for name in rows.column_names if table == self.spec.table else ():
                    connection.execute(
                        f"alter table {self.spec.dataset}.{table} "
                        f"add column if not exists {quoted(name)} varchar"
                    )
                upsert = "or replace" if table == self.spec.table else ""
                connection.execute(
                    f"insert {upsert} into {self.spec.dataset}.{table} by name from new"
                )
        scratch.close()
        return landed

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.database), read_only=True) as connection:
            return connection.execute(sql).fetchall()
