"""Where files of a delivery get their names: a folder of this machine, or one elsewhere."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from onecdp.errors import OnecdpError
from onecdp.warehouse.files import replace_file

# A file that is put there appears when it is complete; elsewhere it is renamed.
_OBJECT_STORES = ("s3", "s3a", "oss", "gs", "gcs", "abfs", "abfss", "az", "adl", "memory")


class Folder(Protocol):
    """Where files get their names."""

    def prepare(self) -> None:
        """Makes the folder."""
        ...

    def place(self, name: str) -> Path:
        """Returns where to write a file before it has its name."""
        ...

    def publish(self, name: str) -> None:
        """Gives a file its name, at once."""
        ...

    def clear(self) -> None:
        """Deletes files without a name. Never raises."""
        ...


class Local:
    """A folder of this machine."""

    def __init__(self, folder: Path) -> None:
        """Takes the folder."""
        self._folder = folder
        self._placed: list[Path] = []

    def prepare(self) -> None:
        """See Folder."""
        self._folder.mkdir(parents=True, exist_ok=True)

    def place(self, name: str) -> Path:
        """See Folder."""
        # The same for each delivery, so that what a kill left is overwritten by the next one.
        self._placed.append(self._folder / f".{name}.part")
        return self._placed[-1]

    def publish(self, name: str) -> None:
        """See Folder."""
        part = self._folder / f".{name}.part"
        part.chmod(0o666 & ~_umask())
        replace_file(part, self._folder / name)

    def clear(self) -> None:
        """See Folder."""
        with contextlib.suppress(OSError):
            for part in self._placed:
                part.unlink(missing_ok=True)


class Remote:
    """A folder elsewhere; files are written here first."""

    def __init__(self, system: Any, path: str, scratch_folder: Path, name: str) -> None:
        """Takes its file system and path, a private folder of this machine, and what to call it."""
        self._system, self._path, self._scratch = system, path.rstrip("/"), scratch_folder
        self._name = name

    def prepare(self) -> None:
        """See Folder."""
        for old in self._scratch.parent.glob("deliveries.files.*.tmp"):
            shutil.rmtree(old, ignore_errors=True)
        self._scratch.mkdir(mode=0o700)
        # Object stores have no folders, and the right to make buckets isn't needed.
        if not _is_object_store(self._system):
            with self._told():
                self._system.makedirs(self._path, exist_ok=True)

    def place(self, name: str) -> Path:
        """See Folder."""
        return self._scratch / name

    def publish(self, name: str) -> None:
        """See Folder."""
        goal = f"{self._path}/{name}"
        with self._told():
            if _is_object_store(self._system):
                self._system.put_file(str(self._scratch / name), goal)
            else:
                self._system.put_file(str(self._scratch / name), f"{goal}.part")
                self._system.mv(f"{goal}.part", goal)

    def clear(self) -> None:
        """See Folder."""
        shutil.rmtree(self._scratch, ignore_errors=True)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Clients raise errors of their own; their text may have keys."""
        try:
            yield
        except Exception as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise OnecdpError(f"{self._name} can't be written: {reason}") from None


def _is_object_store(system: Any) -> bool:
    return any(name in _OBJECT_STORES for name in _protocols(system))


def is_local(system: Any) -> bool:
    """Whether an fsspec file system is this machine's own."""
    return "file" in _protocols(system)


def _protocols(system: Any) -> tuple[str, ...]:
    return (system.protocol,) if isinstance(system.protocol, str) else tuple(system.protocol)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
