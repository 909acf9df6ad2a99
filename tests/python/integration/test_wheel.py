"""The wheel carries the project: what `onecdp init` writes from it is what the tree has.

`.ci/run` installs the wheel in an empty environment and runs it; here its content is looked at.
"""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from support.cli import REPOSITORY

from onecdp.project.scaffold import PROJECT_PARTS


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
    )
    (file,) = folder.glob("onecdp-*.whl")
    return file


def files_of(folder: Path) -> dict[str, bytes]:
    """The project's files below `folder`, without what Python leaves there."""
    found = {}
    for part in PROJECT_PARTS:
        path = folder / part
        for file in [path] if path.is_file() else path.rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                found[str(file.relative_to(folder))] = file.read_bytes()
    return found


def test_init_from_the_wheel_writes_what_the_tree_has(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    code = (
        "import onecdp, sys; from onecdp.cli.main import main;"
        " assert onecdp.__file__.startswith(sys.argv[1]), onecdp.__file__;"
        " main(['init', sys.argv[2]])"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "site"), str(tmp_path / "project")],
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )

    assert files_of(tmp_path / "project") == files_of(REPOSITORY)
    assert not (tmp_path / "project" / "onecdp").exists()


def test_the_wheel_holds_the_library_and_nothing_that_was_made_here(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()

    assert len(names) == len(set(names))
    assert "onecdp/project/dbt_utils_standin/dbt_project.yml" in names
    assert "onecdp/_project/.dlt/config.toml" in names
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"onecdp"}
    for made in (
        "__pycache__",
        ".pyc",
        "target/",
        "logs/",
        "warehouse/",
        "secrets.toml",
        ".duckdb",
    ):
        # onecdp/warehouse/ is a package of the library.
        assert not [n for n in names if made in n.removeprefix("onecdp/warehouse/")]
