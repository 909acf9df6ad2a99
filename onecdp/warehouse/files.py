"""The warehouse folder, and the one place in onecdp that opens DuckDB.

DuckDB lets one process write a file and shuts every reader out meanwhile. So there are two files:
dbt and dlt work in the private `onecdp.duckdb`; everybody else reads `marts.duckdb`, which
publishing replaces in one step.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
from filelock import FileLock, Timeout

from onecdp.errors import OnecdpError

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
        raise OnecdpError(explain(str(error), file)) from error


def scratch() -> duckdb.DuckDBPyConnection:
    """Opens a database in memory, for work that leaves nothing behind."""
    return duckdb.connect(":memory:")


def explain(message: str, file: Path) -> str:
    """Turns DuckDB's words on opening `file` into one line that says what to do."""
    if "Could not set lock" in message:
        holder = _HOLDER.search(message)
        who = f"process {holder['pid']} ({holder['program']})" if holder else "another process"
        return f"{file} is held by {who}; close it there, then run this again"
    return f"{file} can't be opened: {message.strip().splitlines()[0]}"


@contextmanager
def exclusive(warehouse: Warehouse, command: str) -> Iterator[None]:
    """Holds the warehouse folder for one command, so that two runs don't interleave.

    The operating system lets go of the lock when the process ends, however it ends.

    Args:
        warehouse: Its folder is created if it isn't there.
        command: What is being done; shown to whoever comes second.

    Raises:
        OnecdpError: Another onecdp command works in the folder, or the folder can't be written.
    """
    try:
        warehouse.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OnecdpError(f"{warehouse.folder} can't be created: {error.strerror}") from error
    # The lock file itself is emptied by whoever tries to take it, so the name stands beside it.
    holder = warehouse.folder / ".lock-holder.json"
    lock = FileLock(warehouse.folder / ".lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise OnecdpError(f"{warehouse.folder} is in use by {_read_holder(holder)}") from None
    except OSError as error:
        raise OnecdpError(f"{warehouse.folder} can't be written: {error.strerror}") from error
    try:
        started = datetime.now(UTC).isoformat(timespec="seconds")
        holder.write_text(json.dumps({"pid": os.getpid(), "command": command, "since": started}))
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _read_holder(file: Path) -> str:
    try:
        note = json.loads(file.read_text())
        return f"`{note['command']}` (process {note['pid']}, since {note['since']}); wait for it"
    except (OSError, ValueError, KeyError):
        # The other one took the lock a moment ago and hasn't signed yet.
        return "another onecdp command; wait for it"
