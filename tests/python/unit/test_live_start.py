"""What can stop `onecdp live` at its start is told in one line."""

from __future__ import annotations

import importlib
import signal
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
from click.testing import CliRunner
from support.cli import REPOSITORY

from onecdp.cli.main import main
from onecdp.errors import OnecdpError
from onecdp.live import follow
from onecdp.live.follow import Follower, Logs


@pytest.fixture(autouse=True)
def _keeps_signals() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_state_that_another_process_keeps_busy_is_told(tmp_path: Path) -> None:
    """As `onecdp forget` does while it rewrites a large one."""
    busy = sqlite3.OperationalError("database is locked")
    with mock.patch.object(Follower, "catch_up", side_effect=busy):
        done = CliRunner().invoke(
            main,
            ["live", "--data", str(tmp_path / "data"), "--project-dir", str(REPOSITORY),
             "--warehouse", str(tmp_path / "warehouse")],
        )  # fmt: skip
    assert done.exit_code == 1
    assert done.stderr == (
        f"onecdp: {tmp_path / 'warehouse' / 'live.sqlite'}: database is locked\n"
    )


def test_triggers_look_at_nobody_before_the_logs_are_read(tmp_path: Path) -> None:
    steps: list[str] = []
    told: list[str] = []
    log = SimpleNamespace(is_caught_up=False)

    def catch_up() -> None:
        steps.append("read")
        log.is_caught_up = steps.count("read") == 3
        if steps.count("read") == 2:
            raise OnecdpError("the broker is away")

    logs: Any = Logs(log, SimpleNamespace(is_caught_up=True))
    follower = Follower(mock.Mock(), logs, [], None, lambda: None)
    senders = mock.Mock(start=lambda _: steps.append("send"))
    triggers: Any = SimpleNamespace(
        watching=SimpleNamespace(triggers=()), publications=mock.Mock(), senders=senders
    )
    # The package has a function of this name.
    live = importlib.import_module("onecdp.pipeline.live")
    with (
        mock.patch.object(follower, "catch_up", catch_up),
        mock.patch.object(follower, "run", side_effect=lambda *_: steps.append("look")),
        mock.patch.object(follow, "RETRY_SECONDS", 0),
        mock.patch.object(live, "open_follower", return_value=follower),
    ):
        live._follow(mock.Mock(), None, logs, triggers, threading.Event(), told.append)
    assert steps == ["send", "read", "read", "read", "look"]
    assert told[:2] == ["the broker is away; trying again", "going on"]
