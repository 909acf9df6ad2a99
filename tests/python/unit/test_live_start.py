"""What can stop `onecdp live` at its start is told in one line."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from click.testing import CliRunner
from support.cli import REPOSITORY

from onecdp.cli.main import main
from onecdp.live.follow import Follower


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
