"""Reads files: found below the source's folder, opened, and read by their format."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ..declaration import TableSpec
from ..landing.arrivals import Arrivals, Chunk, Copy, Ledger, Place, Refused
from .csv_reader import read_csv
from .discover import SourceFile, format_of
from .jsonl_reader import read_jsonl
from .objects import list_files
from .opening import opened
from .parquet_reader import read_parquet
from .reader import Context
from .xlsx_reader import read_xlsx


@dataclass(frozen=True)
class Files:
    """A reader of CSV, JSON lines and Parquet files, with `excel` also of workbooks.

    The table of a source that has one gets every file below the source's folder. Where a source
    has several, each gets the files below the folder of its name: `DIR/<source>/<table>/`.
    """

    excel: bool = False

    def arrivals(self, tables: Sequence[TableSpec], context: Context) -> Mapping[str, Arrivals]:
        """Lists the files of every table.

        A file is new if its name or the SHA-256 of its bytes is, but not if it has the content of
        another file of the table: then it is a copy, or the file was moved.
        """
        source = tables[0].source
        try:
            below = list_files(context.folder, self.excel)
        except Refused as refusal:
            return {tables[0].table: Arrivals(refused={str(context.folder): str(refusal)})}
        left_out = dict(below.left_out)
        found: dict[str, list[SourceFile]] = {spec.table: [] for spec in tables}
        for file in below.files:
            if len(tables) == 1:
                found[tables[0].table].append(file)
            elif (table := file.name.partition("/")[0]) in found:
                found[table].append(file)
            else:
                folders = ", ".join(f"{source}/{spec.table}/" for spec in tables)
                left_out[file.name] = f"is not in one of {folders}"
        arrivals = {spec.table: arrivals_of(found[spec.table], spec, context) for spec in tables}
        first = tables[0].table
        return arrivals | {first: replace(arrivals[first], left_out=left_out)}


def arrivals_of(files: Sequence[SourceFile], spec: TableSpec, context: Context) -> Arrivals:
    """Lists files of one table; which of them are new, `Files.arrivals` tells."""
    new: list[Place] = []
    unchanged: list[Place] = []
    copies: dict[str, Copy] = {}
    refused: dict[str, str] = {}
    listed: dict[tuple[str, str], str] = {}
    for file in files:
        try:
            fingerprint = file.fingerprint()
            current = context.loaded.current.get(file.name, ())
            is_packed = file.compressed and fingerprint not in current
            content = file.content() if is_packed else fingerprint
            # Packed again, the same rows have other bytes.
            is_known = fingerprint in current or content in current
        except OSError as error:
            refused[file.name] = f"cannot be read ({error.strerror or error})"
            continue
        place = Place(file.name, fingerprint, partial(read, file, spec, context.scratch), content)
        if is_known or not content:
            (unchanged if is_known else new).append(place)
        elif copy := _loaded_copy(file, content, spec, context.loaded):
            copies[file.name] = copy
            unchanged.append(place)
        elif original := listed.get((content, file.format)):
            copies[file.name] = Copy(original, None)
            unchanged.append(place)
        else:
            listed[content, file.format] = file.name
            new.append(place)
    return Arrivals(new, unchanged, copies, refused)


def _loaded_copy(file: SourceFile, content: str, spec: TableSpec, loaded: Ledger) -> Copy | None:
    """The loaded file of which another one is a copy; None if it is one of its own versions."""
    holders = loaded.contents.get(content, {})
    if file.name in holders:
        return None
    folder = f"{spec.table}/" if file.name.startswith(f"{spec.table}/") else ""
    found = [
        (loaded_at, name)
        for name, loaded_at in holders.items()
        if format_of(name) == file.format and name.startswith(folder)
    ]
    return Copy(*min(found)[::-1]) if found else None


def read(file: SourceFile, spec: TableSpec, scratch: Path) -> Iterator[Chunk]:
    """Yields the rows of a file of any format, in order, some 20,000 at a time.

    Args:
        file: what to read.
        spec: the table it is meant for.
        scratch: a folder for what has to be unpacked.

    Raises:
        Refused: nothing of the file can be loaded; rows already yielded must be dropped.
    """
    with opened(file) as stream:
        if file.format == "csv":
            yield from read_csv(stream, spec)
        elif file.format == "jsonl":
            yield from read_jsonl(stream, spec)
        else:
            reader = read_parquet if file.format == "parquet" else read_xlsx
            # Both need to jump about in the file, which a .gz cannot.
            with tempfile.TemporaryFile(dir=scratch) as unpacked:
                if file.compressed:
                    shutil.copyfileobj(stream, unpacked, 1 << 20)
                    unpacked.seek(0)
                yield from reader(unpacked if file.compressed else stream, spec)
