"""`onecdp run --watch`: what arrives is published; a failing run does not end it, SIGTERM does."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest
from support.cli import BuiltProject, clean_environment, run_cli

EVENTS = "event_id,device_id,event_type,channel,event_time"
PATIENCE = 300.0


@pytest.fixture
def watching(project: BuiltProject, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    errors = (tmp_path / "errors").open("w")
    command = ["run", "--watch", "0.5", "--as-of", "2026-06-06"]
    process = subprocess.Popen(
        [sys.executable, "-m", "onecdp", *command],
        cwd=project.folder, env=clean_environment(), text=True,
        stdout=subprocess.PIPE, stderr=errors,
    )  # fmt: skip
    yield process
    process.kill()
    process.wait()


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def published(project: BuiltProject, event_id: str) -> bool:
    with duckdb.connect(project.warehouse / "marts.duckdb", read_only=True) as marts:
        found = marts.execute("select count(*) from unified_events where event_id = $1", [event_id])
        return found.fetchall() == [(1,)]


def send(project: BuiltProject, event_id: str) -> None:
    """A file appears as a whole, as files should: by a rename."""
    folder = project.folder / "ingestion" / "sample" / "app"
    (folder / ".arriving").write_text(
        f"{EVENTS}\n{event_id},D1,page_view,app,2026-06-05 10:00:00\n"
    )
    (folder / ".arriving").rename(folder / f"{event_id}.csv")


def test_batches_are_published_until_it_is_told_to_stop(
    project: BuiltProject, watching: subprocess.Popen[str], tmp_path: Path
) -> None:
    send(project, "first")
    until(lambda: published(project, "first"))

    seed = project.folder / "seeds" / "channels.csv"
    sound = seed.read_text()
    seed.write_text(sound + "kiosk\n")
    until(lambda: "seeds/channels.csv" in (tmp_path / "errors").read_text())
    send(project, "second")
    seed.write_text(sound)
    until(lambda: published(project, "second"))

    watching.send_signal(signal.SIGTERM)
    printed, _ = watching.communicate(timeout=PATIENCE)
    assert watching.returncode == 0
    lines = [line.partition("  ")[2] for line in printed.splitlines()]
    assert len(lines) == 2
    assert all(line.startswith("1 row loaded, ") and ", published, " in line for line in lines)
    # The wrong seed was told once, not with each batch.
    assert (tmp_path / "errors").read_text().count("seeds/channels.csv") == 1
    assert "nothing new" in run_cli("run", "--as-of", "2026-06-06", cwd=project.folder).stdout


def test_it_goes_with_no_option_for_a_single_run(project: BuiltProject) -> None:
    told = run_cli("run", "--watch", "--full-refresh", cwd=project.folder)
    assert told.code == 2
    assert "run once" in told.stderr


def test_data_that_is_not_there_ends_it(project: BuiltProject) -> None:
    told = run_cli("run", "--watch", "1", "--data", "nowhere", cwd=project.folder)
    assert told.code == 2
    assert "nowhere" in told.stderr
