"""What a reader hands to the landing: places that rows come from, and their rows in chunks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

MAX_RECORD = 1 << 20
"""A row longer than this many bytes is quarantined."""

LINE = "_line"
FLAW = "_flaw"
WARNED = "_warned"
INDEX = "_index"
"""Columns of a chunk's table that are no columns of the place."""

Notify = Callable[[str], None]
"""Gets a line of text for the user."""


class Refused(Exception):
    """A place of which nothing can be loaded; the message is the reason, for the user."""


@dataclass(frozen=True)
class BrokenRow:
    """A row that cannot be split into fields; `payload` is its text, made printable."""

    line: int
    reason: str
    payload: str


@dataclass(frozen=True)
class Chunk:
    """Some rows of a place, in order.

    `table` has one string column per column of the place (snake_case, known names resolved, empty
    values as they are) and LINE (int64), the position of each row in the place. It may have FLAW
    (text): why a row can't be loaded, where the text of its values doesn't show it; and WARNED, the
    values that are null for such a reason: a JSON list of column_name, value and reason. INDEX is a
    first column without a name, which is ignored. `columns` has the columns of each row, where not
    every row has all of them; or null means that a row lacks the column, where the chunk
    `has_gaps`. `part` is the part of the place that holds the rows, such as a sheet.
    `notice` is something the user should know about how the place was read, `left_out` what part of
    it was not read, and why. `position` says where the next load of the place's stream goes on once
    this chunk is in.
    """

    table: pa.Table
    broken: Sequence[BrokenRow] = field(default_factory=list)
    columns: Sequence[Iterable[str]] | None = None
    has_gaps: bool = False
    part: str | None = None
    notice: str | None = None
    left_out: str | None = None
    position: str | None = None


@dataclass(frozen=True)
class Place:
    """Where rows come from: a file, an answer of a service.

    Attributes:
        name: What it is called within its source; the raw tables keep it as `_file`.
        fingerprint: Its version. A place that was loaded in this version is not loaded again.
        chunks: Starts reading. It raises `Refused`, also half-way, if nothing of the place can be
            loaded.
        content: What is the same for places with the same rows: a hash of a file's unpacked bytes.
        stream: The stream that the place is a range of, such as a partition of a topic. The last
            position of its chunks is stored with its rows. Its name tells the range, so that it is
            no new version of an earlier one; a load has one place of a stream at most.
        repeats: Whether its rows are what the source has now, so that some of them were in earlier
            places of the stream, too. Those that were quarantined then are duplicates. Over what
            the stream brought before, by the names of its places, its rows win without regard to
            their versions.
    """

    name: str
    fingerprint: str
    chunks: Callable[[], Iterator[Chunk]]
    content: str | None = None
    stream: str | None = None
    repeats: bool = False


@dataclass(frozen=True)
class Copy:
    """A place with the content of another one.

    Attributes:
        original: The name of the other place.
        loaded_at: When that was loaded first; None if it is one of the same load.
    """

    original: str
    loaded_at: dt.datetime | None


@dataclass(frozen=True)
class Ledger:
    """The places that were loaded before.

    Attributes:
        current: The fingerprint that each was last loaded in, and its content, by its name.
        contents: When each content was first loaded, by the content and the name of the place.
        positions: Where the next load goes on, by stream.
    """

    current: Mapping[str, Collection[str]] = field(default_factory=dict)
    contents: Mapping[str, Mapping[str, dt.datetime]] = field(default_factory=dict)
    positions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Arrivals:
    """The places of one table.

    Attributes:
        new: Those to load, in order.
        unchanged: Those that are loaded already. They are read again only where it must be known
            what no place names any more.
        copies: Those of `unchanged` that have another name than the place that was loaded, by name.
        refused: Why others cannot be read at all, by name.
        left_out: Why what is no place is not read, by name.
        idle: How many streams have nothing new.
        notices: What to tell of places that will be read, or of streams, by name.
    """

    new: Sequence[Place] = ()
    unchanged: Sequence[Place] = ()
    copies: Mapping[str, Copy] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    idle: int = 0
    notices: Mapping[str, str] = field(default_factory=dict)


def string_table(
    names: Sequence[str], columns: Iterable[Sequence[str | None]], lines: Sequence[int]
) -> pa.Table:
    """A chunk's table out of columns of text; FLAW and WARNED may be among them."""
    arrays = [pa.array(column, pa.string()) for column in columns]
    if not arrays:
        arrays = [pa.array([], pa.string()) for _ in names]
    return pa.table([*arrays, pa.array(lines, pa.int64())], names=[*names, LINE])
