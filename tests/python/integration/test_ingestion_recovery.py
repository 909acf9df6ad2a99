"""Locks, kills and lost folders: the next load ends where an undisturbed one would."""

from __future__ import annotations

import dataclasses
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest
from support.ingestion import (
    EVENTS,
    RETAIL,
    ROOT,
    Warehouse,
    content,
    replace_table,
    retail_line,
)

from ingestion.declaration import Column, Kind
from ingestion.pipelines import IngestError, load
from ingestion.sources.app import EVENTS as TABLE

TABLES = (
    "raw_crm.members",
    "raw_app.events",
    "raw_app.quarantine",
    "raw_retail.transactions",
    "raw_retail.quarantine",
)

CHILD = """
import sys
from pathlib import Path
from ingestion.pipelines import load
load(Path(sys.argv[1]), Path(sys.argv[2]), lambda text: print(text, flush=True))
"""


def state(warehouse: Warehouse) -> dict[str, list[tuple[object, ...]]]:
    """Everything in the raw tables but the times and ids of the loads."""
    return {
        table: content(
            warehouse,
            table,
            ("_dlt_load_id", "quarantined_at" if table.endswith("quarantine") else "_loaded_at"),
        )
        for table in TABLES
    }


def fill(warehouse: Warehouse) -> None:
    lines = [retail_line(str(n // 7), f"S{n % 5}", n % 3 + 1) for n in range(20_000)]
    lines[77] = retail_line(price="abc")
    warehouse.write("retail/a.csv", RETAIL, *lines)
    warehouse.write("retail/b.csv", RETAIL, *lines[15_000:], *lines[:100])
    events = [f"E{n % 4900},view,{n},2024-11-01" for n in range(5000)]
    warehouse.write("app/a.csv", EVENTS, *events)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    warehouse = Warehouse(tmp_path_factory.mktemp("undisturbed"))
    fill(warehouse)
    warehouse.load()
    return warehouse


def kill_while_writing(warehouse: Warehouse, source: str, seconds: float) -> None:
    """Starts a load and kills it some time after it began to write `source`."""
    command = [sys.executable, "-c", CHILD, str(warehouse.data), str(warehouse.folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if line.startswith(f"{source}: writing"):
                break
        time.sleep(seconds)
        child.kill()


@pytest.mark.parametrize(
    ("source", "seconds"),
    [
        ("app", 0.1),
        ("retail", 0.2),
        *(pytest.param("retail", seconds, marks=pytest.mark.soak) for seconds in (0.0, 0.4)),
    ],
)
def test_killed_load_ends_like_an_undisturbed_one(
    tmp_path: Path, undisturbed: Warehouse, source: str, seconds: float
) -> None:
    warehouse = Warehouse(tmp_path)
    fill(warehouse)
    kill_while_writing(warehouse, source, seconds)
    warehouse.load()
    assert state(warehouse) == state(undisturbed)
    again = warehouse.load()
    assert [report.files_loaded for report in again.values()] == [0, 0, 0, 0]


KILLED_AFTER_COPY = """
import os, signal
from dlt.destinations.impl.duckdb.duck import DuckDbCopyJob
copy = DuckDbCopyJob.run
def run(job):
    copy(job)
    if job.load_table_name == {table!r}:
        os.kill(os.getpid(), signal.SIGKILL)
DuckDbCopyJob.run = run
"""
# A worker notes that its copy is done; the file is moved away later, by the thread that waits.
KILLED_AFTER_NOTE = """
import os, signal
from dlt.common.storages.load_package import PackageStorage
save = PackageStorage.save_pending_transition
def noted(storage, load_id, file_name, state, message=None):
    save(storage, load_id, file_name, state, message)
    if file_name.startswith("{table}."):
        os.kill(os.getpid(), signal.SIGKILL)
PackageStorage.save_pending_transition = noted
"""


@pytest.mark.parametrize("table", ["events", "transactions"])
@pytest.mark.parametrize("killed", [KILLED_AFTER_COPY, KILLED_AFTER_NOTE], ids=["copy", "note"])
def test_rows_that_dlt_copied_come_once_whether_noted_down_or_not(
    tmp_path: Path, undisturbed: Warehouse, table: str, killed: str
) -> None:
    warehouse = Warehouse(tmp_path)
    fill(warehouse)
    code = killed.format(table=table) + CHILD
    command = [sys.executable, "-c", code, str(warehouse.data), str(warehouse.folder)]
    ended = subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=False)
    assert ended.returncode == -signal.SIGKILL
    warehouse.load()
    assert any("finishing an interrupted load" in notice for notice in warehouse.notices)
    assert state(warehouse) == state(undisturbed)


@pytest.mark.soak
@pytest.mark.parametrize("step", range(24))
def test_load_killed_at_any_moment_ends_like_an_undisturbed_one(
    tmp_path: Path, undisturbed: Warehouse, step: int
) -> None:
    warehouse = Warehouse(tmp_path)
    fill(warehouse)
    source = ("crm", "app", "retail")[step % 3]
    kill_while_writing(warehouse, source, 0.05 * (step // 3))
    kill_while_writing(warehouse, source, 0.03 * (step // 3))
    warehouse.load()
    assert state(warehouse) == state(undisturbed)


def test_load_says_nothing_but_to_its_caller(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    warehouse = Warehouse(tmp_path)
    fill(warehouse)
    warehouse.load()
    assert tuple(capfd.readouterr()) == ("", "")
    assert "retail/a.csv: 20,000 rows read" in warehouse.notices


def test_dlt_reports_to_nobody_and_keeps_to_the_warehouse(tmp_path: Path) -> None:
    """Started in a folder without settings, where dlt by itself would report every load."""
    warehouse = Warehouse(tmp_path)
    warehouse.write("app/a.csv", EVENTS, "E1,view,1,2024-11-01")
    told = (
        "from dlt.common.runtime import anon_tracker;"
        "print(anon_tracker._ANON_TRACKER_ENDPOINT, anon_tracker._THREAD_POOL)"
    )
    finished = subprocess.run(
        [sys.executable, "-c", CHILD + told, str(warehouse.data), str(warehouse.folder)],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert finished.stderr == ""
    assert finished.stdout.splitlines()[-1] == "None None"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "warehouse"]
    assert (warehouse.folder / ".dlt" / ".anonymous_id").exists()


def test_lost_working_folder_changes_nothing(tmp_path: Path, undisturbed: Warehouse) -> None:
    warehouse = Warehouse(tmp_path)
    shutil.copytree(undisturbed.data, warehouse.data)
    shutil.copytree(undisturbed.folder, warehouse.folder)
    shutil.rmtree(warehouse.folder / ".dlt")
    assert [report.files_loaded for report in warehouse.load().values()] == [0, 0, 0, 0]
    warehouse.write("app/new.csv", EVENTS, "N1,view,1,2024-11-01")
    assert warehouse.load()["app"].rows_loaded == 1


def test_rows_whose_loads_are_lost_come_once(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    warehouse.write("app/a.csv", EVENTS, *(f"E{n},view,1,2024-11-01" for n in range(3)))
    warehouse.load()
    with duckdb.connect(str(warehouse.folder / "onecdp.duckdb")) as connection:
        connection.execute("drop table raw_app.loads")
    warehouse.load()
    assert warehouse.query("select event_id from raw_app.events order by 1") == [
        ("E0",), ("E1",), ("E2",)
    ]  # fmt: skip


def test_lost_warehouse_is_filled_again(tmp_path: Path, undisturbed: Warehouse) -> None:
    warehouse = Warehouse(tmp_path)
    fill(warehouse)
    kill_while_writing(warehouse, "retail", 0.3)
    for path in warehouse.folder.glob("onecdp.duckdb*"):
        path.unlink()
    warehouse.load()
    assert state(warehouse) == state(undisturbed)


def test_damaged_working_folder_is_made_anew(tmp_path: Path, undisturbed: Warehouse) -> None:
    warehouse = Warehouse(tmp_path)
    fill(warehouse)
    kill_while_writing(warehouse, "retail", 0.3)
    for path in (warehouse.folder / ".dlt").rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    warehouse.load()
    assert state(warehouse) == state(undisturbed)


@contextmanager
def held_open(path: Path) -> Iterator[int]:
    """Another process with the warehouse open for writing; gives its id."""
    code = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); input()"
    command = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        yield child.pid
        child.communicate("\n")


def test_warehouse_held_open_is_one_clear_line(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    warehouse.load()
    warehouse.write("app/a.csv", EVENTS, "E1,view,1,2024-11-01")
    database = warehouse.folder / "onecdp.duckdb"
    with held_open(database) as pid, pytest.raises(IngestError) as caught:
        warehouse.load()
    assert re.fullmatch(
        rf"{re.escape(str(database))} is held by process {pid} \(\S*python\S*\); "
        "close it there, then run this again",
        str(caught.value),
    )
    with duckdb.connect(str(database)), pytest.raises(IngestError) as caught:
        warehouse.load()
    assert str(caught.value) == (
        f"{database} is held by this process; close it there, then run this again"
    )
    assert warehouse.load()["app"].rows_loaded == 1


def test_changed_type_of_a_stored_column_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse = Warehouse(tmp_path)
    columns = (*TABLE.columns, Column("campaign", Kind.INTEGER))
    replace_table(monkeypatch, dataclasses.replace(TABLE, columns=columns))
    warehouse.write("app/a.csv", EVENTS + ",campaign", "E1,view,1,2024-11-01,7")
    warehouse.load()
    replace_table(monkeypatch, TABLE)
    warehouse.write("app/b.csv", EVENTS + ",campaign", "E2,view,1,2024-11-01,spring")
    with pytest.raises(IngestError) as caught:
        warehouse.load()
    assert str(caught.value) == (
        "app: column campaign of raw_app.events has type BIGINT, the file has type VARCHAR; "
        "give the column another name, or keep its type in the settings"
    )
    assert warehouse.query("select event_id, campaign from raw_app.events") == [("E1", 7)]


def test_folder_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    warehouse.data = tmp_path / "nowhere"
    with pytest.raises(IngestError, match="nowhere is not a folder"):
        load(warehouse.data, warehouse.folder, print)
