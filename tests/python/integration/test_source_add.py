"""Sources that `onecdp source add` wrote build and pass at once, and load what is new alone."""

from __future__ import annotations

import datetime as dt
import http.server
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.cli import make_project, run_cli

CALLS = """call_id,device_id,union_id,started_at,seconds,note
C1,DEV001,,2026-06-01 10:00:00,10,hi
C2,,U-NEW,2026-06-02 11:00:00,20,
"""


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Where files of the test's folder are served."""
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.parametrize("grows", [False, pytest.param(True, marks=pytest.mark.soak)])
def test_added_sources_build_pass_and_grow(tmp_path: Path, address: str, grows: bool) -> None:
    project = make_project(tmp_path / "project")
    (tmp_path / "calls.csv").write_text(CALLS)
    stores = {"store_no": [1, 2], "city": ["A", "B"], "opened": [dt.date(2020, 1, 1)] * 2}
    pq.write_table(pa.table(stores), tmp_path / "stores.parquet")
    for args in (
        ("calls", "--from", str(tmp_path / "calls.csv")),
        ("stores", "--from", f"{address}/stores.parquet", "--key", "store_no"),
    ):
        added = run_cli("source", "add", *args, cwd=project)
        assert added.code == 0, added.stderr
    gone = run_cli("source", "add", "x_y", "--from", f"{address}/x?token=secret", cwd=project)
    assert (gone.code, "secret" in gone.stderr) == (1, False)
    assert f"{address}/x can't be fetched: 404" in gone.stderr

    def run() -> dict[str, dict[str, int]]:
        done = run_cli("run", "--as-of", "2026-06-06", "--json", cwd=project)
        assert done.code == 0, done.stderr + done.stdout
        document = done.document()
        assert document["tests"]["failed"] == document["tests"]["warned"] == 0
        return {source["source"]: source for source in document["sources"]}

    def calls() -> list[tuple[object, ...]]:
        with duckdb.connect(str(project / "warehouse/onecdp.duckdb"), read_only=True) as private:
            return private.execute(
                "select event_id, event_type, one_id is not null from intermediate."
                "int_events__resolved where source_name = 'calls' order by event_id"
            ).fetchall()

    # The first build asks all tests, those of the new sources included.
    first = run()
    assert (first["calls"]["rows_loaded"], first["stores"]["rows_loaded"]) == (3, 3)
    assert calls() == [(f"calls:calls-call_id-{n}", "calls", True) for n in (1, 2, 3)]
    if not grows:
        return
    (project / "ingestion/sample/calls/day_2.csv").write_text(CALLS)
    second = run()
    assert (second["calls"]["rows_loaded"], second["stores"]["rows_loaded"]) == (2, 0)
    assert calls()[:2] == [("calls:C1", "calls", True), ("calls:C2", "calls", True)]
    assert len(calls()) == 5
