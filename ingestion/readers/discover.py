"""Finds the files of a source and their formats."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

FORMATS = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".xlsx": "xlsx",
}


@dataclass(frozen=True)
class SourceFile:
    """A file to read. `name` is its path below the source's folder, with forward slashes."""

    path: Path
    name: str
    format: str
    compressed: bool

    def fingerprint(self) -> str:
        """SHA-256 of the bytes, in hex."""
        with self.path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()


def discover(folder: Path, excel: bool) -> tuple[list[SourceFile], list[str]]:
    """Lists the files below `folder`, in natural order of names, and the names of other files.

    A folder that does not exist is an absent source: nothing to read. Hidden files are left out
    of both lists.
    """
    files: list[SourceFile] = []
    ignored: list[str] = []
    for path in folder.rglob("*"):
        relative = path.relative_to(folder)
        if any(part.startswith(".") for part in relative.parts) or not path.is_file():
            continue
        # A name that is not UTF-8 must still be storable.
        name = relative.as_posix().encode("utf-8", "backslashreplace").decode()
        plain = relative.name.lower().removesuffix(".gz")
        kind = FORMATS.get(Path(plain).suffix)
        if kind is None or (kind == "xlsx" and not excel):
            ignored.append(name)
        else:
            files.append(SourceFile(path, name, kind, relative.name.lower().endswith(".gz")))
    return sorted(files, key=lambda file: _natural(file.name)), sorted(ignored)


def _natural(name: str) -> tuple[list[tuple[int, int, str]], str]:
    """A sort key: numbers in a name by their size, so that `part_9` comes before `part_10`."""
    parts = re.split("([0-9]+)", name)
    key = [(1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts]
    return key, name
