"""import-linter, as `make lint` runs it, holds the layers of onecdp: imports go down only."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.cli import REPOSITORY


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The library, the ingestion code and their configuration, to be broken."""
    junk = shutil.ignore_patterns("__pycache__")
    for package in ("onecdp", "ingestion"):
        shutil.copytree(REPOSITORY / package, tmp_path / package, ignore=junk)
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_library_keeps_its_layers(copy: Path) -> None:
    done = lint(copy)

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("file", "line", "reason"),
    [
        ("warehouse/query.py", "import onecdp.project.find", "warehouse is not allowed to import"),
        ("erasure/tables.py", "import onecdp.pipeline.publish", "not allowed to import"),
        ("audiences/rules.py", "import onecdp.identity", "not allowed to import"),
        ("pipeline/ingest.py", "import ingestion.pipelines", "not allowed to import ingestion"),
        ("pipeline/ingest.py", "import dlt", "not allowed to import dlt"),
        ("errands/__init__.py", "", "errands"),
    ],
)
def test_an_import_upwards_and_a_package_without_a_layer_are_errors(
    copy: Path, file: str, line: str, reason: str
) -> None:
    target = copy / "onecdp" / file
    target.parent.mkdir(exist_ok=True)
    before = target.read_text() if target.exists() else ""
    target.write_text(f"{before}\n{line}\n")

    done = lint(copy)

    assert done.returncode != 0
    assert reason in done.stdout
