"""The command line on the worked example: what it prints, how it ends, what readers get."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from cli_support import BuiltProject, run_cli


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.fixture
def project(built_warehouse: BuiltProject, tmp_path: Path) -> BuiltProject:
    return built_warehouse.copy(tmp_path / "project")


def test_a_run_ends_with_one_tidy_table_in_80_columns(built_warehouse: BuiltProject) -> None:
    lines = built_warehouse.finished.stdout.splitlines()

    rows = {line.split()[0]: line.split()[1:] for line in lines if line.split()}
    assert rows["source"] == ["read", "loaded", "quarantined", "duplicate", "superseded", "refused"]
    assert rows["crm"] == ["5", "5", "0", "0", "0", "0"]
    assert rows["retail"] == ["10", "10", "0", "0", "0", "0"]
    assert "customers 15 · new one_ids 15 · merged 0" in lines
    assert rows["models"][1:] == ["passed,", "0", "failed"]
    assert rows["tests"][1:] == ["passed,", "0", "failed"]
    assert rows["PKG001"][-1] == "3"
    assert any(line.startswith("deps ") and " · total " in line for line in lines)
    published = built_warehouse.warehouse / "marts.duckdb"
    assert lines[-1] == f"published {len(tables(published))} tables: {published}"
    assert max(len(line) for line in lines[:-1]) <= 80


def tables(file: Path) -> set[str]:
    with duckdb.connect(file, read_only=True) as marts:
        rows = marts.execute("select table_name from duckdb_tables()").fetchall()
    return {name for (name,) in rows}


def test_progress_is_on_stderr_in_short_lines(built_warehouse: BuiltProject) -> None:
    lines = built_warehouse.finished.stderr.splitlines()

    assert any("crm/members.csv" in line for line in lines)
    assert not any("\x1b" in line for line in lines)
    assert max(len(line) for line in lines) < 200


def test_every_mart_is_published_and_no_personal_data_of_the_raw_tables(
    built_warehouse: BuiltProject,
) -> None:
    published = tables(built_warehouse.warehouse / "marts.duckdb")

    assert {
        "id_map",
        "unified_events",
        "customer_rfm",
        "customer_segments",
        "customer_profiles",
        "audience_bitmaps",
        "audience_packages",
    } <= published
    assert not published & {"members", "events", "transactions", "links", "quarantine"}


def test_asking_the_published_marts(built_warehouse: BuiltProject) -> None:
    def ask(*args: str) -> str:
        finished = run_cli("sql", *args, cwd=built_warehouse.folder)
        assert finished.code == 0, finished.stderr
        return finished.stdout

    counted = (
        "select segment_tag, bitmap_count(user_bitmap) as n from audience_bitmaps order by all"
    )
    rows = json.loads(ask(counted, "--json"))
    assert {"segment_tag": "At Risk", "n": 8} in rows or len(rows) > 5
    assert len(ask(counted).splitlines()) >= len(rows) + 2
    assert json.loads(ask("from raw_crm.members select count(*) as n", "--private", "--json")) == [
        {"n": 5}
    ]
    dates = "select date '2026-06-06' as d, 1.50::decimal(9,2) as m, null as nothing, 'ä\n' as t"
    assert json.loads(ask(dates, "--json")) == [
        {"d": "2026-06-06", "m": 1.5, "nothing": None, "t": "ä\n"}
    ]


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("select * from customer_segment", "Table with name customer_segment does not exist!"),
        ("selec 1", "syntax error"),
        ("drop table id_map", "read-only mode"),
    ],
)
def test_a_query_that_cannot_run_is_one_line(
    built_warehouse: BuiltProject, query: str, reason: str
) -> None:
    finished = run_cli("sql", query, cwd=built_warehouse.folder)

    assert finished.code == 1
    assert finished.stdout == ""
    assert finished.stderr.startswith("onecdp: ")
    assert reason in finished.stderr
    assert finished.stderr.count("\n") == 1


def data_with_a_bad_row(folder: Path) -> Path:
    (folder / "crm").mkdir(parents=True)
    (folder / "crm" / "new.csv").write_text(
        "member_id,register_date,updated_at\nM9,2026-01-01,2026-06-01\nM10,2026-13-45,2026-06-01\n"
    )
    return folder


def test_exit_codes_tell_quarantined_rows_from_refused_files(
    project: BuiltProject, tmp_path: Path
) -> None:
    data = data_with_a_bad_row(tmp_path / "data")

    quarantined = run_cli("ingest", "--data", str(data), "--json", cwd=project.folder)
    assert quarantined.code == 3, quarantined.stderr
    (crm,) = [s for s in quarantined.document()["sources"] if s["source"] == "crm"]
    assert (crm["rows_read"], crm["rows_loaded"], crm["rows_quarantined"]) == (2, 1, 1)

    (data / "crm" / "empty.csv").write_text("")
    refused = run_cli("ingest", "--data", str(data), cwd=project.folder)
    assert refused.code == 4, refused.stderr
    assert "refused: crm/empty.csv: " in refused.stdout


def test_a_run_with_bad_input_publishes_the_rest_and_says_so(
    project: BuiltProject, tmp_path: Path
) -> None:
    data = data_with_a_bad_row(tmp_path / "data")
    (data / "app").mkdir()
    (data / "app" / "empty.csv").write_text("")

    finished = run_cli(
        "run", "--as-of", "2026-06-06", "--data", str(data), "--json", cwd=project.folder
    )

    assert finished.code == 4, finished.stderr
    document = finished.document()
    assert document["published"] == str(project.warehouse / "marts.duckdb")
    assert document["customers"] == 16
    assert document["new_one_ids"] == 1
    assert document["merged_one_ids"] == 0
    assert document["tests"]["failed"] == 0
    assert set(document["seconds"]) == {"deps", "ingest", "build", "publish"}
    assert {a["package_id"]: a["members"] for a in document["audiences"]}["PKG001"] == 3


def test_an_unknown_tag_stops_the_run_in_one_line_and_readers_keep_their_file(
    project: BuiltProject,
) -> None:
    published = project.warehouse / "marts.duckdb"
    before = digest(published)
    seed = project.folder / "seeds" / "audiences.csv"
    right = seed.read_text()
    seed.write_text(right.replace("At Risk", "At Rsk", 1))

    finished = run_cli("run", "--as-of", "2026-06-06", cwd=project.folder)

    assert finished.code == 1
    (line,) = [line for line in finished.stdout.splitlines() if line.startswith("error: ")]
    assert 'unknown tag "At Rsk"' in line
    assert '"At Risk"' in line
    assert "Traceback" not in finished.stdout + finished.stderr
    assert finished.stdout.splitlines()[-1] == (
        "nothing was published: readers keep what was there"
    )
    assert digest(published) == before

    refused = run_cli("publish", cwd=project.folder)
    assert refused.code == 1
    assert "int_audiences__package_members (error)" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert digest(published) == before

    seed.write_text(right)
    assert run_cli("build", "--as-of", "2026-06-06", cwd=project.folder).code == 0
    assert run_cli("publish", cwd=project.folder).code == 0


def test_a_mistake_in_a_model_is_one_line(project: BuiltProject) -> None:
    mine = project.folder / "models" / "marts" / "mine.sql"
    mine.write_text("select * from {{ ref('nobody') }}")

    finished = run_cli("build", cwd=project.folder)

    assert finished.code == 1
    assert finished.stderr.splitlines()[-1].startswith("onecdp: dbt: ")
    assert "'nobody'" in finished.stderr
    assert "Traceback" not in finished.stderr


def test_a_mistake_in_the_ingestion_folder_is_one_line(project: BuiltProject) -> None:
    file = project.folder / "ingestion" / "pipelines.py"
    file.write_text(file.read_text() + "\ndef load(:\n")

    finished = run_cli("ingest", cwd=project.folder)

    assert finished.code == 1
    assert f"{file}, line " in finished.stderr
    assert finished.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["run", "ingest", "build", "publish"])
def test_a_warehouse_held_elsewhere_is_one_line(
    built_warehouse: BuiltProject, tmp_path: Path, command: str
) -> None:
    shutil.copytree(built_warehouse.warehouse, tmp_path / "warehouse")
    file = tmp_path / "warehouse" / "onecdp.duckdb"
    hold = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); input()"
    holder = subprocess.Popen(
        [sys.executable, "-c", hold, str(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    try:
        holder.stdout.readline()
        finished = run_cli(command, "--warehouse", str(file.parent), cwd=built_warehouse.folder)
    finally:
        holder.kill()
        holder.communicate()

    assert finished.code == 1
    assert finished.stdout == ""
    last = finished.stderr.splitlines()[-1]
    assert last.startswith(f"onecdp: {file} is held ")
    assert str(holder.pid) in last
    assert "Traceback" not in finished.stderr
