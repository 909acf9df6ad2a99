"""A small stream for tests: a file that grows, read line by line from the stored position."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import dlt

from ingestion.declaration import TableSpec
from ingestion.landing.arrivals import Arrivals, Chunk, Place, Refused, string_table
from ingestion.readers.reader import Context

COLUMNS = ("event_id", "event_type", "event_time")


class FakeLog:
    """Reads `[sources.<source>.fake] path`, a file with an event a line, into the first table."""

    name = "fake"
    setting_names = ("path",)

    def is_configured(self, source: str) -> bool:
        return dlt.config.get(f"sources.{source}.fake.path", str) is not None

    def arrivals(self, tables: Sequence[TableSpec], context: Context) -> Mapping[str, Arrivals]:
        (spec, *_) = tables
        path = Path(dlt.config[f"sources.{spec.source}.fake.path"])
        if not path.is_file():
            raise Refused(f"{path.name} can't be reached")
        start, end = int(context.loaded.positions.get("fake", 0)), len(_lines(path))
        if start == end:
            return {spec.table: Arrivals(idle=1)}
        name = f"fake/{start}-{end - 1}"
        place = Place(name, name, partial(_chunks, path, start, end), stream="fake")
        return {spec.table: Arrivals([place])}


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


def _chunks(path: Path, start: int, end: int) -> Iterator[Chunk]:
    for first in range(start, end, 2):
        lines = _lines(path)[first : min(first + 2, end)]
        if "lost" in lines:
            raise Refused("the connection was lost")
        columns = zip(*(line.split(",") for line in lines), strict=True)
        numbers = range(first, first + len(lines))
        table = string_table(COLUMNS, list(columns), list(numbers))
        yield Chunk(table, position=str(first + len(lines)))
