"""`onecdp check` says what a load does."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Collection
from dataclasses import asdict, dataclass
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


@dataclass(frozen=True)
class Round:
    """What was said of a load, what it did, and the rows that it quarantined: file and line."""

    said: dict[str, SourcePreview]
    loaded: dict[str, SourceReport]
    quarantined: dict[str, set[tuple[object, object]]]


def check_and_load(warehouse: Warehouse, sources: Collection[str]) -> Round:
    """Checks sources, then loads them; checking changes nothing in the warehouse's folder."""
    files = {p: p.stat().st_mtime_ns for p in warehouse.folder.rglob("*")}
    said = {
        source: preview(warehouse.data, source, warehouse.folder, lambda _: None)
        for source in sources
    }
    assert {p: p.stat().st_mtime_ns for p in warehouse.folder.rglob("*")} == files
    before = {source: quarantined(warehouse, source) for source in sources}
    loaded = {source: warehouse.load(source=source)[source] for source in sources}
    new = {source: quarantined(warehouse, source) - before[source] for source in sources}
    return Round(said, loaded, new)


def quarantined(warehouse: Warehouse, source: str) -> set[tuple[object, object]]:
    if not warehouse.query(f"from duckdb_tables() where schema_name = 'raw_{source}'"):
        return set()  # Loaded for the first time.
    return {(file, line) for file, line, _ in warehouse.quarantine(source) if line is not None}


def assert_said_what_happened(warehouse: Warehouse, went: Round) -> None:
    for source, said in went.said.items():
        report = went.loaded[source]
        assert {**asdict(said.report), "seconds": 0} == {**asdict(report), "seconds": 0}
        assert said.compared_with == warehouse.folder / "onecdp.duckdb"
        rows: Counter[str] = Counter()
        for group in said.shown.groups:
            rows[group.outcome] += group.rows
            assert len(group.examples) == min(group.rows, 3)
        told = ("loaded", "quarantined", "duplicate", "superseded")
        did = {outcome: getattr(report, f"rows_{outcome}") for outcome in told}
        assert {outcome: rows[outcome] for outcome in told} == did
        assert rows["null"] == report.warnings
        bad = [group for group in said.shown.groups if group.outcome == "quarantined"]
        shown = {(example.file, example.line) for group in bad for example in group.examples}
        assert shown <= went.quarantined[source]


@pytest.fixture(scope="module")
def filled(
    empty_warehouse: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Warehouse, Round]:
    """A warehouse that odd files of all kinds were loaded into, after a check."""
    warehouse = Warehouse(tmp_path_factory.mktemp("check"))
    shutil.copytree(empty_warehouse, warehouse.folder)
    with duckdb.connect(str(warehouse.folder / "onecdp.duckdb")) as private:
        set_tombstones(private, warehouse.folder, [("member_id", "GONE")])
    rows = {"crm": [member("M1", real_name="Zoë", total_points=12.5), member("GONE")]}
    rows["retail"] = [line("1", 12.5, Description="Zoë"), line("1", "2"), line("1", "2")]
    for dialect in DIALECTS:
        suffix = ".csv.gz" if dialect.compressed else ".csv"
        for source in rows:
            name = f"{source}/{dialect.name}{suffix}"
            warehouse.write_bytes(name, csv_bytes(rows[source], dialect=dialect))
    for (source, column), make in COLUMNS.items():
        for suffix in FORMATS:
            kinds = [kind for kind in KINDS if suffix in kind.formats]
            cells = [cell for kind in kinds for cell in kind.sent]
            odd = [make(f"{column}{suffix}{n}", cell) for n, cell in enumerate(cells)]
            send(warehouse, f"{source}/{column}.{suffix}", odd)
    send(warehouse, "app/e.jsonl", [event("E1"), event("E1", channel="web"), event("E1")])
    send(warehouse, "id_graph/l.csv", [link("A", "B"), link("A", "B", confidence="much")])
    book = xlsx_bytes({"one": [line("9")], "two": [{"other": "sheet"}]})
    warehouse.write_bytes("retail/book.xlsx", book)
    send(warehouse, "retail/slash.csv", [line("8", InvoiceDate="05/02/2011")])
    send(warehouse, "crm/names.csv", [member("N1", Handy="A"), member("N2", Handy="B")])
    warehouse.write("crm/notes.txt", "nothing")
    return warehouse, check_and_load(warehouse, source_names())


def test_check_says_what_a_first_load_does(filled: tuple[Warehouse, Round]) -> None:
    assert_said_what_happened(*filled)


def test_check_says_what_a_later_load_does(filled: tuple[Warehouse, Round]) -> None:
    """Copies, new versions, and rows of keys that the warehouse holds."""
    warehouse, _ = filled
    shutil.copy(warehouse.data / "crm/plain.csv", warehouse.data / "crm/copy.csv")
    send(warehouse, "crm/plain.csv", [member("M1", real_name="Zo"), member("M1", level="gold")])
    send(warehouse, "retail/plain.csv", [line("1", "3"), line("2", "much")])
    assert_said_what_happened(warehouse, check_and_load(warehouse, ("crm", "retail")))


def test_changed_names_are_shown_before_files_are_read_again(
    filled: tuple[Warehouse, Round], monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse, _ = filled
    monkeypatch.setenv("SOURCES__CRM__COLUMNS", json.dumps({"Handy": "mobile_hash"}))
    said = preview(warehouse.data / "crm/names.csv", None, warehouse.folder, lambda _: None)
    assert (said.report.files_loaded, said.report.rows_loaded) == (1, 2)
    ((_, notice),) = said.report.notices
    assert notice.startswith("is read again: the setting sources.crm.columns has changed for 'Han")


def test_file_that_was_loaded_is_shown_all_the_same(
    filled: tuple[Warehouse, Round], tmp_path: Path
) -> None:
    warehouse, _ = filled
    file = Path(shutil.copy(warehouse.data / "crm/names.csv", tmp_path / "copy.csv"))
    said = preview(file, "crm", warehouse.folder, lambda _: None)
    assert said.report.notices == (("copy.csv", "its content was loaded: a load skips it"),)
    assert [(g.outcome, g.rows, g.reason) for g in said.shown.groups] == [
        ("duplicate", 2, "the same member_id with nothing new, in the warehouse")
    ]
