"""The lock on a warehouse folder: one command at a time works in it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from onecdp.errors import OnecdpError
from onecdp.warehouse.files import Warehouse


@contextmanager
def exclusive(
    warehouse: Warehouse,
    command: str,
    *,
    wait_seconds: float = 0,
    notify: Callable[[str], None] | None = None,
) -> Iterator[None]:
    """Holds the warehouse folder for one command, so that two runs don't interleave.

    The operating system releases the lock when the process ends, however it ends.

    Args:
        warehouse: Its folder is created if it isn't there.
        command: What is being done; shown to the commands that find the folder locked.
        wait_seconds: How long to wait for the lock; 0 refuses at once.
        notify: Receives one line when the wait begins.

    Raises:
        OnecdpError: Another onecdp command works in the folder, or the folder can't be written.
    """
    try:
        warehouse.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OnecdpError(f"{warehouse.folder} can't be created: {error.strerror}") from error
    # Trying to take the lock truncates the lock file, so the holder is recorded beside it.
    holder = warehouse.folder / ".lock-holder.json"
    lock = FileLock(warehouse.folder / ".lock", timeout=0)
    try:
        try:
            lock.acquire()
        except Timeout:
            if not wait_seconds:
                raise
            if notify:
                notify(f"{warehouse.folder} is in use by {_read_holder(holder)}; waiting")
            lock.acquire(timeout=wait_seconds)
    except Timeout:
        waited = f" after {wait_seconds:g} seconds" if wait_seconds else ""
        raise OnecdpError(
            f"{warehouse.folder} is{' still' if waited else ''} in use by"
            f" {_read_holder(holder)}{waited}; wait for it"
        ) from None
    except OSError as error:
        raise OnecdpError(f"{warehouse.folder} can't be written: {error.strerror}") from error
    try:
        started = datetime.now(UTC).isoformat(timespec="seconds")
        holder.write_text(json.dumps({"pid": os.getpid(), "command": command, "since": started}))
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


@contextmanager
def only_live(warehouse: Warehouse) -> Iterator[None]:
    """Lets one `onecdp live` follow into a warehouse; other commands may work there.

    Raises:
        OnecdpError: Another one does, or the folder can't be written.
    """
    lock = FileLock(warehouse.folder / ".live-lock", timeout=0)
    try:
        warehouse.folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise OnecdpError(
            f"{warehouse.live_file}: another `onecdp live` follows into it; stop that one first"
        ) from None
    except OSError as error:
        raise OnecdpError(f"{warehouse.folder} can't be written: {error.strerror}") from error
    try:
        yield
    finally:
        lock.release()


def _read_holder(file: Path) -> str:
    try:
        note = json.loads(file.read_text())
        return f"`{note['command']}` (process {note['pid']}, since {note['since']})"
    except (OSError, ValueError, KeyError):
        # It has taken the lock and not recorded itself yet.
        return "another onecdp command"
