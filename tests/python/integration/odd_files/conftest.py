"""An empty warehouse for each test; making one takes longer than a load."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.ingestion import Warehouse


@pytest.fixture(scope="session")
def empty_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = Warehouse(tmp_path_factory.mktemp("empty"))
    made.load()
    return made.folder


@pytest.fixture
def warehouse(empty_warehouse: Path, tmp_path: Path) -> Warehouse:
    made = Warehouse(tmp_path)
    shutil.copytree(empty_warehouse, made.folder)
    return made
