"""`onecdp check` says what a load does."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import duckdb
import pytest
from integration.odd_files.test_a_identifiers import COLUMNS, KINDS
from support.ingestion import Warehouse
from support.landing_writer import DIALECTS, csv_bytes, xlsx_bytes
from support.odd_files import FORMATS, event, line, link, member, send

from ingestion.erasure import set_tombstones
from ingestion.pipelines import SourceReport, source_names
from ingestion.preview import SourcePreview, preview


def checked(warehouse: Warehouse) -> dict[str, SourcePreview]:
    before = {p: p.stat().st_mtime_ns for p in warehouse.folder.rglob("*")}
    found = {
        source: preview(warehouse.data, source, warehouse.folder, lambda _: None)
        for source in source_names()
    }
    assert {p: p.stat().st_mtime_ns for p in warehouse.folder.rglob("*")} == before
    return found


def without_time(report: SourceReport) -> dict[str, object]:
    return {name: value for name, value in asdict(report).items() if name != "seconds"}


def assert_check_says_what_the_load_does(warehouse: Warehouse) -> None:
    found = checked(warehouse)
    before = {source: quarantined(warehouse, source) for source in found}
    loaded = warehouse.load()
    for source, said in found.items():
        assert without_time(said.report) == without_time(loaded[source])
        assert said.compared_with == warehouse.folder / "onecdp.duckdb"
        rows: Counter[str] = Counter()
        for group in said.shown.groups:
            rows[group.outcome] += group.rows
            assert 0 < len(group.examples) == min(group.rows, 3)
        report = loaded[source]
        told = ("loaded", "quarantined", "duplicate", "superseded")
        assert {name: rows[name] for name in told} == {
            name: getattr(report, f"rows_{name}") for name in told
        }
        assert rows["null"] == report.warnings
        new = quarantined(warehouse, source) - before[source]
        examples = {
            (example.file, example.line)
            for group in said.shown.groups
            if group.outcome == "quarantined"
            for example in group.examples
        }
        assert examples <= new


def quarantined(warehouse: Warehouse, source: str) -> set[tuple[object, object]]:
    return {(file, line) for file, line, _ in warehouse.quarantine(source) if line is not None}


def test_check_says_what_a_load_does(warehouse: Warehouse) -> None:
    with duckdb.connect(str(warehouse.folder / "onecdp.duckdb")) as private:
        set_tombstones(private, warehouse.folder, [("member_id", "GONE")])
    lines = {"crm": [member("M1", real_name="Zoë", total_points=12.5), member("GONE")]}
    lines["retail"] = [line("1", 12.5, Description="Zoë"), line("1", "2"), line("1", "2")]
    for dialect in DIALECTS:
        suffix = ".csv.gz" if dialect.compressed else ".csv"
        for source, rows in lines.items():
            name = f"{source}/{dialect.name}{suffix}"
            warehouse.write_bytes(name, csv_bytes(rows, dialect=dialect))
    for (source, column), make in COLUMNS.items():
        for kind in KINDS:
            for suffix in FORMATS:
                rows = [make(f"{column}{kind.item}{n}", v) for n, v in enumerate(kind.sent)]
                send(warehouse, f"{source}/{kind.file(column)}.{suffix}", rows)
    send(warehouse, "app/e.jsonl", [event("E1"), event("E1", channel="web"), event("E1")])
    send(warehouse, "id_graph/l.csv", [link("A", "B"), link("A", "B", confidence="much")])
    book = {"one": [line("9")], "two": [{"other": "sheet"}]}
    warehouse.write_bytes("retail/book.xlsx", xlsx_bytes(book))
    send(warehouse, "retail/slash.csv", [line("8", InvoiceDate="05/02/2011")])
    warehouse.write("crm/notes.txt", "nothing")
    assert_check_says_what_the_load_does(warehouse)

    # Copies, new versions, and rows of keys that the warehouse holds.
    shutil.copy(warehouse.data / "crm/plain.csv", warehouse.data / "crm/copy.csv")
    send(warehouse, "crm/plain.csv", [member("M1", real_name="Zo"), member("M1", level="gold")])
    send(warehouse, "retail/plain.csv", [line("1", "3"), line("2", "much")])
    send(warehouse, "app/f.csv", [event("E1", platform="ios"), event("E2")])
    assert_check_says_what_the_load_does(warehouse)


def test_changed_names_are_shown_before_files_are_read_again(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(warehouse, "crm/a.csv", [member("M1", Handy="A"), member("M2", Handy="B")])
    warehouse.load(source="crm")
    monkeypatch.setenv("SOURCES__CRM__COLUMNS", json.dumps({"Handy": "mobile_hash"}))
    said = preview(warehouse.data, "crm", warehouse.folder, lambda _: None)
    loaded = warehouse.load(source="crm")["crm"]
    assert without_time(said.report) == without_time(loaded)
    assert loaded.rows_loaded == 2


def test_file_that_was_loaded_is_shown_all_the_same(warehouse: Warehouse, tmp_path: Path) -> None:
    send(warehouse, "crm/a.csv", [member("M1"), member("M2")])
    warehouse.load(source="crm")
    file = shutil.copy(warehouse.data / "crm/a.csv", tmp_path / "copy.csv")
    said = preview(Path(file), "crm", warehouse.folder, lambda _: None)
    assert said.report.notices == (("copy.csv", "its content was loaded: a load skips it"),)
    assert [(g.outcome, g.rows, g.reason) for g in said.shown.groups] == [
        ("duplicate", 2, "the same member_id with nothing new, in the warehouse")
    ]
