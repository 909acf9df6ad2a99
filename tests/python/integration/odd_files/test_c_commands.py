"""What the commands say about what they left out, and about a run that was stopped."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from support.cli import BuiltProject, Finished, run_cli
from support.landing_writer import csv_bytes, xlsx_bytes
from support.odd_files import event, line, member

LEFT_OUT = {
    "linked": "a symlinked folder",
    "Retail": "a source folder in another case",
    "notes.txt": "a kind of file that no source takes",
    "book.xlsx": "a workbook for a source that takes none",
    "Summary": "a sheet without the header",
}


@pytest.fixture(scope="module")
def odd_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one of each, and a sound file."""
    folder = tmp_path_factory.mktemp("odd") / "data"
    elsewhere = folder.parent / "elsewhere"
    for part in ("app", "crm", "Retail", "retail"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    elsewhere.mkdir()
    (elsewhere / "events.csv").write_bytes(csv_bytes([event("E1")]))
    (folder / "app" / "linked").symlink_to(elsewhere)
    (folder / "Retail" / "january.csv").write_bytes(csv_bytes([line("1")]))
    (folder / "crm" / "members.csv").write_bytes(csv_bytes([member("M1")]))
    (folder / "crm" / "notes.txt").write_text("hello\n")
    (folder / "crm" / "book.xlsx").write_bytes(xlsx_bytes({"Members": [member("M2")]}))
    sheets: dict[str, list[dict[str, object]]] = {"Lines": [line("2")], "Summary": [{"total": 10}]}
    (folder / "retail" / "year.xlsx").write_bytes(xlsx_bytes(sheets))
    return folder


def ingest(built: BuiltProject, data: Path, warehouse: Path, *options: str) -> Finished:
    where = ("--data", str(data), "--warehouse", str(warehouse))
    return run_cli("ingest", *where, *options, cwd=built.folder)


@pytest.fixture(scope="module")
def finished(
    built_warehouse: BuiltProject, odd_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Finished, Finished]:
    """The text and the JSON of loading it."""
    folder = tmp_path_factory.mktemp("said")
    text = ingest(built_warehouse, odd_data, folder / "text")
    return text, ingest(built_warehouse, odd_data, folder / "json", "--json")


@pytest.mark.parametrize("name", [pytest.param(n, id=what) for n, what in LEFT_OUT.items()])
def test_what_is_left_out_is_named_in_the_output(
    finished: tuple[Finished, Finished], name: str
) -> None:
    text = finished[0].stdout + finished[0].stderr
    # A source in another case may be read instead.
    assert name in text


@pytest.mark.parametrize("name", [pytest.param(n, id=what) for n, what in LEFT_OUT.items()])
def test_what_is_left_out_is_named_in_the_json(
    finished: tuple[Finished, Finished], name: str
) -> None:
    document = finished[1].document()
    assert name in json.dumps(document, ensure_ascii=False)


def test_the_sound_files_are_loaded(finished: tuple[Finished, Finished]) -> None:
    loaded = {source["source"]: source for source in finished[1].document()["sources"]}
    assert loaded["crm"]["rows_loaded"] == 1
    assert loaded["retail"]["rows_loaded"] in (1, 2)


@pytest.mark.parametrize("names", [(), ("notes.txt", "scan.pdf")], ids=["empty", "no data"])
def test_folder_with_nothing_readable_is_refused(
    built_warehouse: BuiltProject, tmp_path: Path, names: tuple[str, ...]
) -> None:
    (tmp_path / "data" / "crm").mkdir(parents=True)
    for name in names:
        (tmp_path / "data" / "crm" / name).write_text("hello\n")
    done = ingest(built_warehouse, tmp_path / "data", tmp_path / "warehouse")
    assert done.code == 4
    for name in names:
        assert name in done.stdout + done.stderr


def test_file_that_broke_the_run_is_refused_by_name(
    built_warehouse: BuiltProject, tmp_path: Path
) -> None:
    """Today's header of carriage returns; any file that is no CSV but ends in .csv will do."""
    crm = tmp_path / "data" / "crm"
    crm.mkdir(parents=True)
    (crm / "bad.csv").write_bytes(b"a;b\rc;d\r1;2\r")
    (crm / "good.csv").write_bytes(csv_bytes([member("M1")]))
    done = ingest(built_warehouse, tmp_path / "data", tmp_path / "warehouse", "--json")
    assert "Traceback" not in done.stderr
    assert done.code == 4
    (source,) = [s for s in done.document()["sources"] if s["source"] == "crm"]
    assert [refused["file"] for refused in source["refused"]] == ["bad.csv"]
    assert source["rows_loaded"] == 1


def test_run_reports_all_that_was_quarantined_since_the_last_published_one(
    built_warehouse: BuiltProject, tmp_path: Path
) -> None:
    """`ingest` without a `run` leaves what a run leaves that is killed while it builds."""
    project = built_warehouse.copy(tmp_path / "project")
    data = tmp_path / "data"
    shutil.copytree(project.folder / "ingestion" / "sample", data)
    where = ("--data", str(data), "--warehouse", str(tmp_path / "mine"))
    bad = [member("M9", updated_at="2024-10-01"), member(None), member(None)]
    (data / "crm" / "bad.csv").write_bytes(csv_bytes(bad))
    (data / "app" / "empty.csv").write_text("")
    assert run_cli("ingest", *where, cwd=project.folder).code == 4
    (data / "app" / "empty.csv").unlink()

    def run() -> tuple[int, int]:
        done = run_cli("run", *where, "--as-of", "2026-06-06", "--json", cwd=project.folder)
        (crm,) = [s for s in done.document()["sources"] if s["source"] == "crm"]
        return done.code, crm["rows_quarantined"]

    assert run() == (3, 2)
    # It has been told now.
    assert run() == (0, 0)
