"""Finds the files of a source and their formats."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path, PurePath

from onecdp.printable import printable

FORMATS = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".xlsx": "xlsx",
}
TEXT_KINDS = "CSV, JSONL or Parquet"
# What to do with files that come near to one that is loaded.
ADVICE = {
    ".json": "write one JSON object a line and name it .jsonl",
    ".tsv": "save it as .csv, with commas",
    ".txt": "if it holds rows, save it as .csv, with commas",
    ".xls": "save it as .xlsx",
    **dict.fromkeys((".zip", ".tar", ".tgz", ".7z"), "unpack it"),
    **dict.fromkeys((".bz2", ".xz", ".zst"), "unpack it, or compress it with gzip"),
}


@dataclass(frozen=True)
class SourceFile(ABC):
    """A file to read. `name` is its path below the source's folder, with forward slashes."""

    name: str
    format: str
    compressed: bool

    @abstractmethod
    def open(self) -> BufferedReader:
        """The stream of its bytes.

        Raises:
            OSError: It can't be read.
        """

    def fingerprint(self) -> str:
        """SHA-256 of the bytes, in hex."""
        with self.open() as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    def content(self) -> str | None:
        """SHA-256 of the unpacked bytes, in hex; None if a .gz file can't be unpacked."""
        if not self.compressed:
            return self.fingerprint()
        with self.open() as packed:
            try:
                with gzip.open(packed) as stream:
                    return hashlib.file_digest(stream, "sha256").hexdigest()
            except (OSError, EOFError, zlib.error):
                return None


@dataclass(frozen=True)
class LocalFile(SourceFile):
    """A file of this machine."""

    path: Path

    def open(self) -> BufferedReader:
        """The stream of its bytes."""
        return self.path.open("rb")


@dataclass(frozen=True)
class Found:
    """What is below a source's folder; hidden files and folders are nowhere.

    Attributes:
        files: The files to read, in natural order of names.
        left_out: Why anything else is not read, and what to do, by its name.
    """

    files: tuple[SourceFile, ...]
    left_out: dict[str, str]


def discover(folder: Path, excel: bool) -> Found:
    """Lists what is below `folder`; one that does not exist is an absent source."""
    files: list[SourceFile] = []
    left_out: dict[str, str] = {}

    def fail(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            path = Path(os.fsdecode(error.filename))
            left_out[_name(path, folder)] = f"cannot be read ({error.strerror})"

    for parent, folders, names in os.walk(folder, onerror=fail):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for path in (Path(parent, name) for name in (*folders, *names)):
            if path.name.startswith("."):
                continue
            name = _name(path, folder)
            if path.name in folders:
                if path.is_symlink():
                    left_out[name] = "is a link to a folder; put the folder itself here"
            elif not path.is_file():
                what = "a link to nothing" if path.is_symlink() else "no regular file"
                left_out[name] = f"is {what}; put the file itself here"
            elif (file := source_file(path, name, excel)) is None:
                left_out[name] = no_format(path, excel)
            else:
                files.append(file)
    return in_order(files, left_out)


def in_order(files: Iterable[SourceFile], left_out: Mapping[str, str]) -> Found:
    """What was found, in the order of names."""
    ordered = sorted(files, key=lambda file: _natural(file.name))
    return Found(tuple(ordered), dict(sorted(left_out.items())))


def _name(path: Path, folder: Path) -> str:
    return printable(path.relative_to(folder).as_posix())


def source_file(path: Path, name: str, excel: bool) -> LocalFile | None:
    """The file as one to read; None if its name ends in no format that is read."""
    kind = format_of(path.name, excel)
    return None if kind is None else LocalFile(name, kind, is_packed(path.name), path)


def is_packed(name: str) -> bool:
    """Whether a file is compressed, by its name."""
    return name.lower().endswith(".gz")


def _suffix(name: str) -> str:
    return Path(name.lower().removesuffix(".gz")).suffix


def format_of(name: str, excel: bool = True) -> str | None:
    """The format of a file by its name; None if it has none of those that are read."""
    kind = FORMATS.get(_suffix(name))
    return None if kind == "xlsx" and not excel else kind


def no_format(path: PurePath, excel: bool) -> str:
    """Why a file of no format that is read is left out, and what to do."""
    suffix = _suffix(path.name)
    advice = ADVICE.get(suffix, f"save it as {TEXT_KINDS}{' or XLSX' if excel else ''}")
    if not excel and suffix in (".xls", ".xlsx"):
        advice = "save its sheet as .csv"
    return f"is not a kind of file that is loaded; {advice}"


def _natural(name: str) -> tuple[list[tuple[int, int, str]], str]:
    """A sort key: numbers in a name by their size, so that `part_9` comes before `part_10`."""
    parts = re.split("([0-9]+)", name)
    key = [(1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts]
    return key, name
