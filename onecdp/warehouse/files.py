"""The warehouse folder, and the one place in onecdp that opens DuckDB.

DuckDB lets one process write a file and locks every reader out meanwhile. So there are two files:
dbt and dlt work in the private `onecdp.duckdb`; everybody else reads `marts.duckdb`, which
publishing replaces atomically.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import duckdb

from onecdp.errors import OnecdpError
from onecdp.warehouse.sql_text import one_line

# What DuckDB says when another process has the file open, or this one in another mode.
_LOCKED = "Could not set lock"
_LOCKED_HERE = ("different configuration", "Unique file handle conflict")
_HOLDER = re.compile(r"held in (?P<program>.+?) \(PID (?P<pid>\d+)\)")


@dataclass(frozen=True)
class Warehouse:
    """A warehouse folder; nothing in it needs to exist yet."""

    folder: Path

    @property
    def build_file(self) -> Path:
        """The private file that dlt and dbt write: it holds personal data."""
        return self.folder / "onecdp.duckdb"

    @property
    def marts_file(self) -> Path:
        """The published file: the only one that BI tools open."""
        return self.folder / "marts.duckdb"

    @property
    def online_file(self) -> Path:
        """The online store, of the published file, for look-ups by key; its base is beside it."""
        return self.folder / "online.sqlite"

    @property
    def live_file(self) -> Path:
        """The private file of recent events, which `onecdp live` writes."""
        return self.folder / "live.sqlite"

    @property
    def deliveries_file(self) -> Path:
        """The private file that remembers what was delivered where."""
        return self.folder / "deliveries.duckdb"

    @property
    def dead_letters(self) -> Path:
        """The private folder of what a destination refused."""
        return self.folder / "dead-letters"


def connect(file: Path, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    """Opens a DuckDB file.

    Args:
        file: The file. It must exist when `read_only`; otherwise it is created.
        read_only: Whether other readers may have it open at the same time.

    Raises:
        OnecdpError: Another process holds the file, or it can't be read; one line says which.
    """
    try:
        return duckdb.connect(file, read_only=read_only)
    except duckdb.Error as error:
        raise OnecdpError(opening_problem(str(error), file)) from error


def scratch() -> duckdb.DuckDBPyConnection:
    """Opens a database in memory."""
    return duckdb.connect(":memory:")


def replace_file(fresh: Path, file: Path) -> None:
    """Replaces `file` by `fresh`, a file beside it, atomically.

    Raises:
        OSError: It can't be replaced; `file` is then unchanged.
    """
    # Otherwise a power cut after the rename could leave an empty file under the good name.
    _sync(fresh)
    fresh.replace(file)
    _sync(file.parent)


def remove_leftovers(folder: Path, pattern: str) -> None:
    """Deletes temporary files and folders of killed commands; the caller holds the lock."""
    for leftover in folder.glob(pattern):
        if leftover.is_dir():
            shutil.rmtree(leftover)
        else:
            leftover.unlink()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def is_lock_problem(message: str) -> bool:
    """Returns whether DuckDB's message says that somebody has a file open."""
    return any(sign in message for sign in (_LOCKED, *_LOCKED_HERE))


def opening_problem(message: str, file: Path) -> str:
    """Returns why `file` can't be opened and what to do, in one line, from DuckDB's message."""
    if is_lock_problem(message):
        holder = _HOLDER.search(message)
        who = f"process {holder['pid']} ({holder['program']})" if holder else "another process"
        who = who if _LOCKED in message else "this process"
        return f"{file} is held by {who}; close it there, then run this again"
    return f"{file} can't be opened: {one_line(message)}"
