"""A mistake of the user is one line, and readers keep their file."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.cli import BuiltProject, clean_environment, run_cli
from support.published import digest


def test_ctrl_c_is_one_line_and_publishes_nothing(project: BuiltProject) -> None:
    before = digest(project.warehouse / "marts.duckdb")
    (project.folder / "models" / "intermediate" / "slow.sql").write_text(
        "{{ config(materialized='table') }}\n"
        "select count(*) as n from range(100000) a, range(10000000) b where a <> b"
    )
    log = project.folder / "logs" / "dbt.log"
    log.unlink()
    running = subprocess.Popen(
        [sys.executable, "-m", "onecdp", "run", "--as-of", "2026-06-06"],
        cwd=project.folder,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + 90
        while not log.exists() or "range(10000000)" not in log.read_text():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        # dbt logs a query before it hands it over, and what isn't running yet can't be interrupted.
        time.sleep(3)
        running.send_signal(signal.SIGINT)
        stdout, stderr = running.communicate(timeout=60)
    finally:
        running.kill()

    assert running.returncode == 130, stderr
    assert stdout == ""
    assert stderr.splitlines()[-1] == "onecdp: stopped; nothing was published"
    assert "Traceback" not in stderr
    assert digest(project.warehouse / "marts.duckdb") == before


def test_a_failing_rule_fails_its_package_alone_and_is_reported(project: BuiltProject) -> None:
    seed = project.folder / "seeds" / "audiences.csv"
    right = seed.read_text()
    seed.write_text(right.replace("At Risk", "At Rsk", 1) + "PKG005,Refers,audience:PKG001,,\n")

    finished = run_cli("run", "--as-of", "2026-06-06", cwd=project.folder)

    assert finished.code == 0
    told = finished.stdout.splitlines()
    assert 'seeds/audiences.csv: package PKG001: unknown tag "At Rsk"; nearest: "At Risk"' in told
    assert "seeds/audiences.csv: package PKG005: audience:PKG001 has failed" in told
    assert any(line.startswith("warn: audience_rules_are_valid") for line in told)
    summary = "select package_id, status, error, customer_count from audience_package_summary"
    asked = run_cli("sql", "--json", f"{summary} order by all", cwd=project.folder).document()
    assert [(row["package_id"], row["status"], row["customer_count"]) for row in asked] == [
        ("PKG001", "failed", 0),
        ("PKG002", "built", 8),
        ("PKG003", "built", 4),
        ("PKG004", "built", 2),
        ("PKG005", "failed", 0),
    ]
    refused = run_cli("audience", "check", "PKG001", "member_id:MBR001", cwd=project.folder)
    assert refused.code == 1
    assert "PKG001 has failed: unknown tag" in refused.stderr

    # Which of two packages with the same key is meant, nobody knows.
    published = project.warehouse / "marts.duckdb"
    before = digest(published)
    seed.write_text(right + "PKG001,Again,channel_app,,\n")
    finished = run_cli("run", "--as-of", "2026-06-06", cwd=project.folder)
    assert finished.code == 1
    (line,) = [line for line in finished.stdout.splitlines() if line.startswith("error: ")]
    assert "package_id PKG001 is used 2 times; each needs its own" in line
    assert "Traceback" not in finished.stdout + finished.stderr
    assert digest(published) == before
    refused = run_cli("publish", cwd=project.folder)
    assert refused.code == 1
    assert "the last build has failures" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert digest(published) == before


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
