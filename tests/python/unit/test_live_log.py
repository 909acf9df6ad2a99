"""The collector's files as the follower reads them: each line once, no work for what is done."""

from __future__ import annotations

import datetime as dt
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.live_worlds import DAY

from onecdp.live.events import microseconds
from onecdp.live.follow import Follower, Logs
from onecdp.live.kept import LiveEvents
from onecdp.live.log import FileLog
from onecdp.live.measure import Watermark
from onecdp.live.state import LiveState

EVENTS = "app/collector"
NOW = dt.datetime.now(dt.UTC).replace(tzinfo=None)


class Reading:
    """A data folder, and a follower of it."""

    def __init__(self, folder: Path) -> None:
        self.files = folder / EVENTS
        self.files.mkdir(parents=True)
        self.taken_in: dict[str, int | None] = {}
        self.state = LiveState(folder / "live.sqlite")
        self.follower = Follower(
            self.state,
            Logs(FileLog(folder, EVENTS), FileLog(folder, "id_graph/collector")),
            [("device_id", "device_id")],
            None,
            lambda: Watermark(self.taken_in, microseconds(NOW) + DAY),
        )
        self.seen = LiveEvents(folder / "live.sqlite")

    def write(self, name: str, *numbers: int, days_ago: float = 0) -> None:
        time = (NOW - dt.timedelta(days=days_ago)).isoformat()
        with (self.files / name).open("a") as file:
            for number in numbers:
                row = {"event_id": f"e{number}", "device_id": "D1", "event_type": "page_view",
                       "event_time": time}  # fmt: skip
                file.write(json.dumps(row) + "\n")

    def known(self) -> list[str]:
        self.follower.catch_up()
        return sorted(kept.event.event_id for kept in self.seen.of([("device_id", "D1")]))


@pytest.fixture
def reading(tmp_path: Path) -> Reading:
    return Reading(tmp_path)


def age(folder: Path) -> None:
    """As if nothing had come or gone there for a while."""
    long_ago = NOW.timestamp() - 3600
    os.utime(folder, (long_ago, long_ago))


def test_files_grow_and_are_closed_while_they_are_read(reading: Reading) -> None:
    reading.write(".b.jsonl.open", 1)
    assert reading.known() == ["e1"]
    age(reading.files)
    assert reading.known() == ["e1"]
    # The folder is the same as before, the file is not.
    reading.write(".b.jsonl.open", 2)
    assert reading.known() == ["e1", "e2"]
    reading.write(".b.jsonl.open", 3)
    (reading.files / ".b.jsonl.open").rename(reading.files / "b.jsonl")
    reading.write(".c.jsonl.open", 4)
    assert reading.known() == ["e1", "e2", "e3", "e4"]
    assert reading.state.positions().keys() == {"app/collector/b.jsonl", "app/collector/c.jsonl"}


def test_file_that_comes_in_the_same_moment_is_seen(reading: Reading) -> None:
    """Times of folders are rounded: two changes may have one."""
    for number in range(3):
        reading.write(f"f{number}.jsonl", number)
        moment = time.time() + 3600 + number // 2
        os.utime(reading.files, (moment, moment))
        assert reading.known() == [f"e{each}" for each in range(number + 1)]


def test_folder_is_listed_when_it_has_changed(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A month of files has ten thousands of names, and is looked at twenty times a second."""
    listed: list[str] = []
    listdir: Callable[[Path], list[str]] = os.listdir

    def counted(folder: Path) -> list[str]:
        listed.append(folder.name)
        return listdir(folder)

    monkeypatch.setattr(os, "listdir", counted)
    reading.write("a.jsonl", 1)
    age(reading.files)
    assert reading.known() == reading.known() == ["e1"]
    assert listed == ["collector"]
    reading.write("b.jsonl", 2)
    assert reading.known() == ["e1", "e2"]
    assert len(listed) == 2


def test_positions_of_files_that_are_gone_and_counted_are_dropped(reading: Reading) -> None:
    for name, number, days_ago in (("a", 1, 3), ("b", 2, 3), ("c", 3, 3), ("d", 4, 0), ("e", 5, 3)):
        reading.write(f"{name}.jsonl", number, days_ago=days_ago)
    assert reading.known() == ["e1", "e2", "e3", "e4", "e5"]
    # All are deleted but one; of one, the build has not read what it had.
    reading.taken_in = {f"app/collector/{name}.jsonl": None for name in "abd"}
    for name in "bcde":
        (reading.files / f"{name}.jsonl").unlink()
    reading.follower.catch_up()
    for _ in range(2):
        reading.follower.prune()
    left = {name[-7] for name in reading.state.positions()}
    assert reading.known() == ["e3", "e4", "e5"]
    # `d` has an event of today.
    assert left == {"a", "c", "d", "e"}
    # After a restart, too.
    reading.state.close()
    reading.state = LiveState(reading.files.parents[1] / "live.sqlite")
    assert {name[-7] for name in reading.state.positions()} == left
