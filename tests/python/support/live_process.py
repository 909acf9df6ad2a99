"""A running `onecdp live`."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from support.api import settings as api_settings
from support.cli import REPOSITORY, clean_environment, make_project
from support.collector import SETTINGS as COLLECTOR_SETTINGS
from support.serving import World, publish_world


def make_live_project(folder: Path, world: World) -> Path:
    """A project that collects, follows and serves, and has published a world."""
    project = make_project(folder)
    (project / ".dlt").mkdir(exist_ok=True)
    own = api_settings(folder / "none").split("[serving.tenants")[0]
    (project / ".dlt/secrets.toml").write_text(COLLECTOR_SETTINGS + own)
    (project / "warehouse").mkdir(exist_ok=True)
    publish_world(project / "warehouse", world)
    return project


def start_live(project: Path, data: Path | None, warehouse: Path) -> subprocess.Popen[str]:
    """Starts `onecdp live` on the collector's files in `data`; without it, on Kafka."""
    process = subprocess.Popen(
        [sys.executable, "-m", "onecdp", "live", *(["--data", str(data)] if data else []),
         "--project-dir", str(project), "--warehouse", str(warehouse)],
        cwd=REPOSITORY, env=clean_environment(), stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    said = process.stderr.readline()
    if not re.match("following ", said):
        process.kill()
        raise AssertionError(said + process.stderr.read())
    return process


@contextmanager
def following(project: Path, data: Path | None, warehouse: Path) -> Iterator[None]:
    process = start_live(project, data, warehouse)
    try:
        yield
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=20)
        assert process.returncode == 0, said
    finally:
        process.kill()


def wait_until(is_true: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < end, "it didn't happen"
        time.sleep(0.02)
