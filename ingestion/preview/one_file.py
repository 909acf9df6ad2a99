"""A single file: which table it is meant for, and as what a load would find it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from onecdp.identity.personal import hide_plain
from onecdp.printable import printable

from ..declaration import TableSpec
from ..landing.arrivals import Arrivals
from ..readers.discover import no_format, source_file
from ..readers.files import arrivals_of
from ..readers.reader import Context
from .headers import Header, likeness, read_headers


class NoSource(Exception):
    """Nothing tells which source a file is for; the message is for the user."""


@dataclass(frozen=True)
class Meant:
    """The table that a file is meant for, and what tells it."""

    spec: TableSpec
    because: str


def find_table(path: Path, tables: Sequence[TableSpec], source: str | None) -> Meant:
    """Finds the table by the source that was named, else by the folders, else by the header.

    Args:
        path: The file.
        tables: The tables of all sources.
        source: The name of the source; None if it is to be found.

    Raises:
        NoSource: Nothing tells it.
    """
    sources = list(dict.fromkeys(spec.source for spec in tables))
    because = "as --source says"
    folders = [parent.name for parent in path.resolve().parents]
    if source is None and (named := [name for name in folders if name in sources]):
        source, because = named[0], f"by its folder {named[0]}/"
    candidates = [spec for spec in tables if source in (None, spec.source)]
    in_folder = [spec for spec in candidates if source and spec.table in folders]
    if len(candidates) == 1 or in_folder:
        return Meant((in_folder or candidates)[0], because)
    file = source_file(path, path.name, excel=True)
    headers = read_headers(file) if file else []
    liked = {spec: max((likeness(h, spec) for h in headers), default=(0.0, 0)) for spec in tables}
    best = max(candidates, key=lambda spec: liked[spec])
    rivals = [spec for spec in candidates if liked[spec] == liked[best]]
    if not liked[best][1] or len(rivals) > 1:
        raise NoSource(_untold(path, headers, sources if source is None else [source]))
    return Meant(best, "guessed from its columns; --source names another")


def _untold(path: Path, headers: Sequence[Header], sources: Sequence[str]) -> str:
    names = hide_plain(
        ", ".join(dict.fromkeys(name for header in headers for name in header.names))
    )
    columns = f"its columns: {names[:300]}" if names else "no columns could be found in it"
    named = " or ".join(sources)
    return f"{path}: nothing tells which source it is for ({columns}); say --source {named}"


def list_file(
    path: Path, spec: TableSpec, context: Context, *, excel: bool
) -> tuple[Arrivals, str]:
    """Lists the file as a load would, and tells its name there if a load skips it.

    One that was loaded is listed as new all the same, so that it can be looked at.
    """
    name = place_name(path, spec)
    file = source_file(path, name, excel)
    if file is None:
        return Arrivals(left_out={name: no_format(path, excel)}), ""
    found = arrivals_of([file], spec, context)
    if not found.unchanged:
        return found, ""
    return replace(found, new=found.unchanged, unchanged=(), copies={}), name


def place_name(path: Path, spec: TableSpec) -> str:
    """What a load calls a file: its path below the source's folder, else its name."""
    parts = path.resolve().parts
    if spec.source in parts[:-1]:
        start = len(parts) - 1 - parts[::-1].index(spec.source, 1)
        return printable("/".join(parts[start + 1 :]))
    return printable(path.name)
