"""`onecdp forget` of a project, and what its files hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from support.cli import BuiltProject, Finished, run_cli

AS_OF = ("--as-of", "2026-06-06")


def forget(project: BuiltProject, *args: str) -> Finished:
    return run_cli("forget", *args, *AS_OF, cwd=project.folder)


def query(file: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(file), read_only=True) as database:
        return database.execute(sql).fetchall()
