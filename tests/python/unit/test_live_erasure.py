"""Erasing from the recent events: nothing that names the person is left in the file."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from support.live_worlds import D1, NOON, TODAY_ENDS, U2, event

from onecdp.errors import OnecdpError
from onecdp.live.events import parse_link
from onecdp.live.kept import LiveEvents
from onecdp.live.state import LiveState


def is_anywhere(folder: Path, text: bytes) -> bool:
    return any(text in part.read_bytes() for part in folder.iterdir())


def test_erased_person_has_no_event_left_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "live.sqlite"
    state = LiveState(file)
    hers = event("E1", ("union_id", "hers"), D1, session="her session")
    state.take("a", 2, [(1, hers), (2, event("E2", U2))])
    assert state.erase([D1]) == 1
    assert LiveEvents(file).of([*hers.identifiers]) == []
    assert [one.event.event_id for one in LiveEvents(file).of([U2])] == ["E2"]
    assert not is_anywhere(tmp_path, b"hers")
    assert not is_anywhere(tmp_path, b"her session")
    # Neither read nor taken again.
    assert state.positions() == {"a": 2}
    assert state.take("b", 1, [(1, hers)]) == 0
    assert LiveEvents(file).of([*hers.identifiers]) == []


def test_erasing_says_so_if_bytes_may_be_left(tmp_path: Path) -> None:
    file = tmp_path / "live.sqlite"
    state = LiveState(file)
    state._state.execute("pragma busy_timeout = 50")
    state.take("a", 1, [(1, event("E1", ("union_id", "hers")))])
    with sqlite3.connect(file, isolation_level=None) as reader:
        reader.execute("begin")
        reader.execute("select * from events").fetchall()
        with pytest.raises(OnecdpError, match="stop `onecdp serve`"):
            state.erase([("union_id", "hers")])
        reader.execute("commit")
    reader.close()
    # The same once more: there is nobody to drop, and the bytes go.
    assert state.erase([("union_id", "hers")]) == 0
    assert not is_anywhere(tmp_path, b"hers")


@pytest.mark.parametrize("is_pruned", [False, True])
def test_erased_link_has_no_identifier_left_in_the_file(tmp_path: Path, is_pruned: bool) -> None:
    link = parse_link(json.dumps({
        "left_id_type": "union_id", "left_id_value": "hers", "right_id_type": "device_id",
        "right_id_value": "D1", "last_seen": "2026-06-06T11:59:00Z", "is_active": "true",
    }).encode())  # fmt: skip
    assert link is not None
    state = LiveState(tmp_path / "live.sqlite")
    state.take("a", 1, [(1, link)])
    # The same once more is the same link.
    assert state.take("b", 1, [(1, link)]) == 0
    if is_pruned:
        assert state.prune(NOON, {"a": None}, TODAY_ENDS) == 1
    state.erase([("union_id", "hers"), D1])
    assert not is_anywhere(tmp_path, b"hers")
