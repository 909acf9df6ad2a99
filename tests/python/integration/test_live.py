"""`onecdp live` follows a real collector: nothing acknowledged is missed, whatever is killed."""

from __future__ import annotations

import datetime as dt
import json
import os
import random
import signal
import sqlite3
import time
from pathlib import Path

import pytest
from support.cli import make_project, run_cli
from support.collector import SETTINGS, collecting, start_collector, track
from support.live_process import following, start_live, wait_until
from support.serving import Person, World, publish_world

from onecdp.live.kept import LiveEvents
from onecdp.pipeline.context import Context
from onecdp.pipeline.live import open_follower, open_logs
from onecdp.project.find import open_project
from onecdp.serving.batch_state import BatchState


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_project(tmp_path_factory.mktemp("live") / "project")
    (folder / ".dlt").mkdir(exist_ok=True)
    (folder / ".dlt/secrets.toml").write_text(SETTINGS)
    return folder


def known(warehouse: Path) -> set[str]:
    """The event_ids in the state, of the devices that `track` has."""
    events = LiveEvents(warehouse / "live.sqlite")
    found = events.of([("device_id", f"device-{number}") for number in range(7)])
    events.close()
    return {kept.event.event_id for kept in found}


def test_event_is_visible_before_its_file_is_closed(project: Path, tmp_path: Path) -> None:
    data, warehouse = tmp_path / "data", tmp_path / "warehouse"
    with collecting(project, data) as collector, following(project, data, warehouse):
        assert collector.post("track", track(1)).ok
        wait_until(lambda: known(warehouse) == {"m1"})
        # The same once more, as SDKs do that got no answer, and one in the closed file.
        assert collector.post("track", track(1)).ok
        assert collector.post("track", track(2)).ok
        collector.stop()
        wait_until(lambda: known(warehouse) == {"m1", "m2"})
    (kept,) = LiveEvents(warehouse / "live.sqlite").of([("device_id", "device-1")])
    assert kept.event.event_type == "purchase"
    assert kept.event.price == 95_000


def publish_with(warehouse: Path, *taken_in: str) -> None:
    """A publication whose build has read these files, up to today."""
    publish_world(warehouse, World((Person(1, ids=("device_id:device-1",)),)))
    state = BatchState(dict.fromkeys(taken_in), dt.datetime.now(dt.UTC).date(), frozenset(), ())
    with sqlite3.connect(warehouse / "online.sqlite") as store:
        store.execute("update store set batch = ?", [state.to_json()])
    store.close()


def test_what_a_publication_has_is_neither_read_again_nor_kept(
    project: Path, tmp_path: Path
) -> None:
    data, warehouse = tmp_path / "data", tmp_path / "warehouse"
    folder = data / "app" / "collector"
    folder.mkdir(parents=True)
    warehouse.mkdir()
    days_ago = time.time() - 5 * 86_400
    when = dt.datetime.fromtimestamp(days_ago, dt.UTC).isoformat()
    for name in ("old", "late", "new"):
        row = {"event_id": name, "device_id": "device-1", "event_type": "a", "event_time": when}
        (folder / f"{name}.jsonl").write_text(json.dumps(row) + "\n")
    os.utime(folder / "old.jsonl", (days_ago, days_ago))
    publish_with(warehouse, "app/collector/old.jsonl", "app/collector/late.jsonl")
    with following(project, data, warehouse):
        wait_until(lambda: known(warehouse) == {"late", "new"})
    # As the follower does it each minute; a reader may still answer from the publication before.
    context = Context(open_project(project, warehouse, {}))
    follower = open_follower(context, open_logs(context, data))
    assert [follower.prune(), follower.prune()] == [0, 1]
    assert known(warehouse) == {"new"}
    follower.state.close()


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.soak)])
def test_nothing_acknowledged_is_missed_by_kills(project: Path, tmp_path: Path, kills: int) -> None:
    data, warehouse, chance = tmp_path / "data", tmp_path / "warehouse", random.Random(11)
    collector = start_collector(project, data)
    process = start_live(project, data, warehouse)
    acknowledged: set[str] = set()
    for round_ in range(kills):
        for number in range(200):
            event = track(1_000 * round_ + number)
            if collector.post("track", event).ok:
                acknowledged.add(str(event["messageId"]))
            if number == chance.randrange(50, 200):
                break
        process.send_signal(signal.SIGKILL)
        process.wait()
        if round_ % 2:
            port = collector.port
            collector.kill()
            collector = start_collector(project, data, port)
        process = start_live(project, data, warehouse)
    wait_until(lambda: known(warehouse) >= acknowledged)
    assert known(warehouse) == acknowledged
    process.terminate()
    assert process.wait(timeout=20) == 0
    collector.kill()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name the folder that the collector writes to with --data"),
        (["--data", "exports"], "seeds/live_features.csv, line 2: measure 'mean'"),
    ],
)
def test_what_cannot_work_is_told_in_one_line(
    project: Path, tmp_path: Path, arguments: list[str], said: str
) -> None:
    seed = project / "seeds/live_features.csv"
    before = seed.read_text()
    try:
        if arguments:
            seed.write_text("feature,event_type,measure,window\nx,y,mean,5m\n")
        done = run_cli("live", *arguments, "--warehouse", str(tmp_path / "warehouse"), cwd=project)
    finally:
        seed.write_text(before)
    assert done.code == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert [*tmp_path.iterdir()] == []
