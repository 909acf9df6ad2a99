"""`onecdp live` follows a real collector: nothing acknowledged is missed, whatever is killed."""

from __future__ import annotations

import random
import signal
from pathlib import Path

import pytest
from support.cli import make_project, run_cli
from support.collector import SETTINGS, collecting, start_collector, track
from support.live_process import following, start_live, wait_until

from onecdp.live.state import LiveEvents


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
