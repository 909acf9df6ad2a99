"""Short ways to write source files, load them and look at the raw tables."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion import pipelines
from ingestion.declaration import TableSpec
from ingestion.landing.land import land
from ingestion.landing.landed import Landed
from ingestion.landing.scratch import open_scratch
from ingestion.pipelines import SourceReport, load
from ingestion.readers.files import Files
from ingestion.readers.reader import Context

ROOT = Path(__file__).resolve().parents[3]
SAMPLE = ROOT / "ingestion" / "sample"
TEST_DATA = Path(os.environ.get("ONECDP_TEST_DATA", ROOT.parent / "shared" / "data"))
REAL_YEAR = TEST_DATA / "online_retail_ii" / "year_2010_2011.csv.gz"

needs_real_year = pytest.mark.skipif(
    not REAL_YEAR.exists(),
    reason=f"Online Retail II is not at hand: no {REAL_YEAR}; set ONECDP_TEST_DATA",
)

MEMBERS = "member_id,real_name,total_points,updated_at"
EVENTS = "event_id,event_type,item_price,event_time"
RETAIL = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country"
LINKS = "left_id_type,left_id_value,right_id_type,right_id_value,confidence,is_active"


def retail_line(
    invoice: str = "1",
    code: str = "A",
    quantity: object = 1,
    date: str = "2010-12-01 08:26:00",
    price: object = "2.55",
) -> str:
    return f"{invoice},{code},THING,{quantity},{date},{price},17850.0,United Kingdom"


class Warehouse:
    """A data folder and a warehouse beside it."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.folder = folder / "warehouse"
        self.notices: list[str] = []

    def write(self, name: str, *lines: str) -> Path:
        return self.write_bytes(name, "".join(line + "\n" for line in lines).encode())

    def write_bytes(self, name: str, content: bytes) -> Path:
        path = self.data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def load(
        self, withdraw_missing: bool = False, source: str | None = None
    ) -> dict[str, SourceReport]:
        """Loads one source, or all that have a folder here and some others, to save time."""
        self.data.mkdir(exist_ok=True)
        some = {"crm", "app", "retail", "id_graph", *(path.name for path in self.data.iterdir())}
        reports = load(
            self.data,
            self.folder,
            self.notices.append,
            sources=[source] if source else some,
            withdraw_missing=withdraw_missing,
        )
        return {report.source: report for report in reports}

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.folder / "onecdp.duckdb"), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def quarantine(self, source: str) -> list[tuple[Any, ...]]:
        return self.query(f"select file, line, reason from raw_{source}.quarantine order by all")

    def counts(self, report: SourceReport) -> tuple[int, int, int, int, int]:
        """Read, loaded, quarantined, duplicate, superseded."""
        assert report.rows_read == (
            report.rows_loaded
            + report.rows_quarantined
            + report.rows_duplicate
            + report.rows_superseded
            + report.rows_erased
        )
        return (
            report.rows_read,
            report.rows_loaded,
            report.rows_quarantined,
            report.rows_duplicate,
            report.rows_superseded,
        )


def content(
    warehouse: Warehouse, table: str, leave_out: Sequence[str] = ("_loaded_at", "_dlt_load_id")
) -> list[tuple[Any, ...]]:
    """All rows of a raw table, in a fixed order, without the columns that differ by run."""
    without = f"exclude ({', '.join(leave_out)})" if leave_out else ""
    return warehouse.query(f"select * {without} from {table} order by all")


@dataclass(frozen=True)
class Taken:
    """What an intake of a folder into an empty warehouse would write."""

    counts: tuple[int, int, int, int, int]
    refused: dict[str, str]
    rows: list[dict[str, Any]]
    quarantine: list[dict[str, Any]]
    warnings: list[dict[str, Any]]
    notices: list[str]


def land_files(
    connection: duckdb.DuckDBPyConnection,
    spec: TableSpec,
    folder: Path,
    warehouse: Path,
    scratch: Path,
    notify: Callable[[str], None],
) -> Landed:
    """Lands the files of `folder`, as those of a source with one table, without dlt."""
    reader = Files(excel=spec.source == "retail")
    return land(
        connection,
        [spec],
        lambda loaded: reader.arrivals([spec], Context(folder, loaded, scratch, notify)),
        warehouse,
        notify,
    )


def replace_table(monkeypatch: pytest.MonkeyPatch, spec: TableSpec) -> None:
    """Declares the only table of a source anew."""
    sources = tuple(
        dataclasses.replace(source, tables=(spec,)) if source.name == spec.source else source
        for source in pipelines.SOURCES
    )
    monkeypatch.setattr(pipelines, "SOURCES", sources)


def take(spec: TableSpec, folder: Path) -> Taken:
    """Lands the files of `folder` in an empty warehouse, without dlt."""
    notices: list[str] = []
    with tempfile.TemporaryDirectory() as scratch:
        connection = open_scratch(Path(scratch))
        nowhere = Path(scratch) / "none.duckdb"
        taken = land_files(connection, spec, folder, nowhere, Path(scratch), notices.append)
        ((_, relation),) = taken.tables
        landed = connection.execute(f"select * from {relation} order by _file, _line")
        rows = landed.to_arrow_table().to_pylist()
        bad = connection.execute(
            f"select file, line, reason, payload from {taken.quarantine} order by file, line"
        )
        quarantine = bad.to_arrow_table().to_pylist()
        told = connection.execute(
            f"select file, line, column_name, value, reason from {taken.warnings} order by all"
        )
        warnings = told.to_arrow_table().to_pylist()
        connection.close()
    counts = taken.counts
    return Taken(
        (counts.read, counts.loaded, counts.quarantined, counts.duplicate, counts.superseded),
        dict(taken.refused),
        rows,
        quarantine,
        warnings,
        notices,
    )
