"""Streams: their positions are committed with their rows, whatever is killed when."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from support.ingestion import EVENTS, ROOT, Warehouse
from support.live import FakeLog
from support.raw_store import RawStore

from ingestion import pipelines
from ingestion.readers import live
from ingestion.sources.app import EVENTS as TABLE
from onecdp.errors import UsageProblem
from onecdp.pipeline.ingest import check
from onecdp.project.find import open_project

READ_FAKE = """
from support.live import FakeLog
from ingestion.readers import live
live.LIVE = (FakeLog(),)
"""
LOAD = """
import sys
from pathlib import Path
from ingestion.pipelines import load
load(Path(sys.argv[1]), Path(sys.argv[2]), print, sources=["app"])
"""
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
KILLED_WHILE_READING = """
import os, signal
from support import live as fake
fake.string_table = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The stream's file; the fake reader is the only live one."""
    path = tmp_path / "log"
    monkeypatch.setattr(live, "LIVE", (FakeLog(),))
    monkeypatch.setenv("SOURCES__APP__FAKE__PATH", str(path))
    return path


@pytest.fixture
def store(tmp_path: Path) -> RawStore:
    """An empty table of events, loaded without dlt."""
    return RawStore(tmp_path, TABLE)


def write(log: Path, *numbers: int) -> None:
    with log.open("a") as stream:
        stream.writelines(f"E{n},view,2024-11-01\n" for n in numbers)


def events(warehouse: Warehouse | RawStore) -> list[tuple[object, ...]]:
    return warehouse.query("select event_id, _file, _line from raw_app.events order by _line")


def positions(warehouse: Warehouse | RawStore) -> list[tuple[object, ...]]:
    return warehouse.query(
        "select file, position, rows_read from raw_app.loads where stream = 'fake' order by all"
    )


def test_a_stream_goes_on_where_it_was(store: RawStore, log: Path) -> None:
    write(log, 0, 1, 2)
    assert store.load(FakeLog()).counts.loaded == 3
    write(log, 3, 1)
    later = store.load(FakeLog()).counts
    assert (later.read, later.loaded, later.duplicate) == (2, 1, 1)
    idle = store.load(FakeLog())
    assert (idle.places_loaded, idle.places_skipped, idle.counts.read) == (0, 1, 0)
    assert events(store) == [
        ("E0", "fake/0-2", 0), ("E1", "fake/0-2", 1), ("E2", "fake/0-2", 2), ("E3", "fake/3-4", 3)
    ]  # fmt: skip
    assert positions(store) == [("fake/0-2", "3", 3), ("fake/3-4", "5", 2)]


def test_files_and_streams_come_in_one_load(store: RawStore, log: Path) -> None:
    write(log, 0)
    store.write("a.csv", EVENTS, "E9,view,1,2024-11-01")
    report = store.load(FakeLog())
    assert (report.places_loaded, report.counts.loaded) == (2, 2)
    found = store.query("select file, stream, position from raw_app.loads order by 1")
    assert found == [("a.csv", None, None), ("fake/0-0", "fake", "1")]


def test_what_cannot_be_read_is_refused_and_read_later(store: RawStore, log: Path) -> None:
    store.write("a.csv", EVENTS, "E9,view,1,2024-11-01")
    report = store.load(FakeLog())
    assert report.refused == (("fake", "log can't be reached"),)
    assert report.counts.loaded == 1
    write(log, 0, 1)
    with log.open("a") as stream:
        stream.write("lost\n")
    report = store.load(FakeLog())
    assert report.refused == (("fake/0-2", "the connection was lost"),)
    assert positions(store) == []
    log.write_text(log.read_text().replace("lost", "E2,view,2024-11-01"))
    assert store.load(FakeLog()).counts.loaded == 3


@pytest.mark.parametrize(
    "killed",
    [KILLED_WHILE_READING, *(KILLED_AFTER_COPY.format(table=t) for t in ("events", "loads"))],
)
def test_killed_load_of_a_stream_ends_like_an_undisturbed_one(
    warehouse: Warehouse, log: Path, killed: str
) -> None:
    write(log, *range(5))
    warehouse.data.mkdir()
    command = [sys.executable, "-c", killed + READ_FAKE + LOAD]
    finished = subprocess.run(
        [*command, str(warehouse.data), str(warehouse.folder)],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'tests/python'}", "SOURCES__APP__FAKE__PATH": str(log)},
        stdout=subprocess.DEVNULL,
        check=False,
    )
    assert finished.returncode == -signal.SIGKILL
    write(log, 5, 6)
    warehouse.load(source="app")
    assert [event for event, *_ in events(warehouse)] == [f"E{n}" for n in range(7)]
    assert positions(warehouse)[-1][1] == "7"
    assert warehouse.load(source="app")["app"].files_loaded == 0


def test_a_warehouse_from_before_streams_gains_the_columns(warehouse: Warehouse, log: Path) -> None:
    warehouse.write("app/a.csv", EVENTS, "E9,view,1,2024-11-01")
    warehouse.load(source="app")
    with duckdb.connect(str(warehouse.folder / "onecdp.duckdb")) as connection:
        for column in ("stream", "position"):
            connection.execute(f"alter table raw_app.loads drop column {column}")
        connection.execute("delete from raw_app._dlt_version")
    shutil.rmtree(warehouse.folder / ".dlt")
    write(log, 0)
    warehouse.load(source="app")
    assert positions(warehouse) == [("fake/0-0", "1", 1)]
    assert warehouse.load(source="app")["app"].files_skipped == 2


def test_the_sample_comes_alone(tmp_path: Path, log: Path) -> None:
    write(log, 0)
    warehouse = Warehouse(tmp_path)
    warehouse.data = ROOT / "ingestion" / "sample"
    assert warehouse.load(source="app")["app"].files_loaded == 1
    assert pipelines.live_sources() == ("app",)


def test_a_live_source_needs_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = open_project(ROOT, tmp_path / "warehouse", {})
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageProblem, match="holds no source"):
        check(project, tmp_path / "empty")
    monkeypatch.setenv("SOURCES__CRM__SQL__CREDENTIALS", "mysql://reader@localhost/shop")
    assert check(project, tmp_path / "empty").data == tmp_path / "empty"
    with pytest.raises(UsageProblem, match="holds no source"):
        check(project, tmp_path / "empty", ["app"])


WITHOUT_CLIENTS = """
import sys
for name in ("sqlalchemy", "pymysql", "psycopg2", "connectorx", "pymysqlreplication"):
    sys.modules[name] = None
"""


def test_without_the_extra_a_configured_database_names_it(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    told = LOAD.rstrip().replace("\nload(", "\n(report,) = load(") + "\nprint(report.refused)"
    settings = {
        f"SOURCES__APP__{reader}__{name}": value
        for reader in ("SQL", "BINLOG")
        for name, value in (("CREDENTIALS", "mysql://reader@localhost/shop"), ("TABLES", "{}"))
    }
    finished = subprocess.run(
        [sys.executable, "-c", WITHOUT_CLIENTS + told, tmp_path / "data", tmp_path / "warehouse"],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), **settings},
        capture_output=True,
        text=True,
        check=True,
    )
    needs = "needs the database clients: pip install 'onecdp[sql]'"
    assert finished.stdout.splitlines()[-1] == repr((("binlog", needs), ("sql", needs)))
