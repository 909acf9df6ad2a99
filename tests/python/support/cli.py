"""The real command line in a process of its own, and projects for it to work in."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from support.line import copy_manifest

REPOSITORY = Path(__file__).resolve().parents[3]
# Nothing listens there: the way a machine without a connection sees the hub, at once.
NO_HUB = {"DBT_PACKAGE_HUB_URL": "http://127.0.0.1:9/"}


@dataclass(frozen=True)
class Finished:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str

    def document(self) -> Any:
        """stdout as one JSON document."""
        return json.loads(self.stdout)


@dataclass(frozen=True)
class BuiltProject:
    """A project made by `onecdp init` and a warehouse that `onecdp run` filled from the sample."""

    folder: Path
    warehouse: Path
    finished: Finished

    def copy(self, target: Path) -> BuiltProject:
        """The same in a folder of its own, to be changed by a test."""
        shutil.copytree(self.folder, target)
        return BuiltProject(target, target / "warehouse", self.finished)


def clean_environment() -> dict[str, str]:
    """That of this process without settings that tests make for themselves, and no hub."""
    ours = ("ONECDP_WAREHOUSE", "ONECDP_AS_OF", "DBT_LOG_LEVEL_FILE")
    inherited = {k: v for k, v in os.environ.items() if k not in ours}
    return {**inherited, **NO_HUB}


def run_cli(
    *args: str, cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> Finished:
    """Runs `onecdp ARGS` in a process of its own, and waits for it."""
    with tempfile.TemporaryDirectory(prefix="onecdp-command-") as folder:
        stdout, stderr = Path(folder, "stdout"), Path(folder, "stderr")
        request = {
            "args": args,
            "cwd": str(cwd or Path.cwd()),
            "environment": {**clean_environment(), **(environment or {})},
            "stdout": str(stdout),
            "stderr": str(stderr),
        }
        server = _server()
        assert server.stdin is not None
        assert server.stdout is not None
        print(json.dumps(request), file=server.stdin, flush=True)
        code = int(server.stdout.readline())
        return Finished(code, stdout.read_text(), stderr.read_text())


@cache
def _server() -> subprocess.Popen[str]:
    """The process whose forks run commands; it ends with this one, whose end closes its stdin."""
    return subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("command_server.py"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=clean_environment(),
    )


def make_project(target: Path) -> Path:
    """Runs `onecdp init`, and brings the dbt packages that `make setup` put in the tree.

    The project is that of the tree, so dbt's reading of the tree is as good.
    """
    made = run_cli("init", str(target))
    assert made.code == 0, made.stderr
    packages = REPOSITORY / "dbt_packages"
    if packages.is_dir():
        shutil.copytree(packages, target / "dbt_packages")
    copy_manifest(target)
    return target
