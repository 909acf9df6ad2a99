"""Fixtures that many tests share."""

from __future__ import annotations

import pytest
from support.cli import BuiltProject, make_project, run_cli


@pytest.fixture(scope="session")
def built_warehouse(tmp_path_factory: pytest.TempPathFactory) -> BuiltProject:
    """The worked example, loaded, built, tested and published once; don't change it, copy it."""
    folder = make_project(tmp_path_factory.mktemp("built") / "project")
    finished = run_cli("run", "--as-of", "2026-06-06", cwd=folder)
    assert finished.code == 0, finished.stderr + finished.stdout
    return BuiltProject(folder, folder / "warehouse", finished)
