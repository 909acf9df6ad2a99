"""Decides what a new source is, by what its file holds and what the user said."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from onecdp.errors import UsageProblem
from onecdp.new_source.names import ADDED, HASHED, PLAIN, RESERVED

_TIMES = ("event_time", "occurred_at", "happened_at", "created_at", "started_at", "timestamp",
          "time", "date")  # fmt: skip
_VERSIONS = ("updated_at", "modified_at", "changed_at", "last_modified", "updated", "modified")
_TYPES = ("event_type", "event", "event_name", "action", "type")
_CODES = re.compile(r"(^|_)(id|ids|no|nr|number|code|sku|key|uuid|guid|hash|card|zip|postcode)$")


class Column(Protocol):
    """A column of the file, as `ingestion.preview.read_shape` tells it."""

    name: str
    kind: str
    empty: int
    empty_lines: tuple[int, ...]
    doubled: str
    values: int


class Shape(Protocol):
    """What the file holds."""

    columns: Sequence[Column]
    rows: int
    day_first: bool
    doubled: str
    known_identifiers: Mapping[str, str]
    personal: Mapping[str, str]


@dataclass(frozen=True)
class Asked:
    """What the user said.

    Attributes:
        name: The name of the source.
        key: The columns of the key; empty if they are to be found.
        time: The column with the time of an event; or empty.
        identifiers: The type of identifier of each column that was named.
        events: Whether rows are events; None if the file is to tell.
    """

    name: str
    key: tuple[str, ...] = ()
    time: str = ""
    identifiers: tuple[tuple[str, str], ...] = ()
    events: bool | None = None


@dataclass(frozen=True)
class Planned:
    """A column of the new source.

    Attributes:
        name: In the raw table.
        kind: As `Kind` of ingestion has it; of a column with addresses or numbers of people, but
            not of the person of the row, the type of their hashes.
        id_type: The type of identifier that it holds; or empty.
    """

    name: str
    kind: str
    id_type: str = ""

    @property
    def staged(self) -> str:
        """Its name in the staging model, where the models add some of their own."""
        return f"{self.name}_in_source" if self.name in ADDED else self.name

    @property
    def is_text(self) -> bool:
        """Whether the raw table has it as text."""
        return self.kind in ("text", "code") or self.is_hashed

    @property
    def is_personal(self) -> bool:
        """Whether its values name somebody, be it the person of the row or not."""
        return bool(self.id_type) or self.is_hashed

    @property
    def is_hashed(self) -> bool:
        """Whether it holds hashes of somebody's, who is not the person of the row."""
        return self.kind in HASHED and not self.id_type


@dataclass(frozen=True)
class Plan:
    """What is to be written.

    Attributes:
        name: The name of the source.
        columns: Its columns.
        key: The columns of its key.
        time: The column with the time of events; empty where rows have none.
        version: The column by which one row is newer than another; or empty.
        type_column: The column with the type of an event; or empty.
        has_events: Whether rows are events.
        day_first: Whether its dates with slashes have the day first.
        is_xlsx: Whether it is read from workbooks, too.
        guessed: Columns that were taken for identifiers by their names.
        left_out: Columns that the raw table stores, but whose names no model can have.
    """

    name: str
    columns: tuple[Planned, ...]
    key: tuple[str, ...]
    time: str
    version: str
    type_column: str
    has_events: bool
    day_first: bool
    is_xlsx: bool
    guessed: tuple[str, ...]
    left_out: tuple[str, ...]

    @property
    def table(self) -> str:
        """The raw table."""
        return "events" if self.has_events else "records"

    @property
    def staging(self) -> str:
        """The staging model."""
        return f"stg_{self.name}__{self.table}"

    @property
    def identifiers(self) -> tuple[Planned, ...]:
        """The columns that name people."""
        return tuple(column for column in self.columns if column.id_type)

    @property
    def is_append_only(self) -> bool:
        """Whether a loaded row stays as it is."""
        return self.has_events and not self.version

    def staged(self, name: str) -> str:
        """What the staging model calls a column."""
        return self.column(name).staged

    def column(self, name: str) -> Planned:
        """The column of a name."""
        return next(column for column in self.columns if column.name == name)


def make_plan(shape: Shape, asked: Asked, id_types: Sequence[str], is_xlsx: bool = False) -> Plan:
    """Decides what the source is.

    Args:
        shape: What the file holds.
        asked: What the user said.
        id_types: The types of identifiers that the project knows.
        is_xlsx: Whether the file is a workbook.

    Raises:
        UsageProblem: What the user said doesn't fit the file, or the file doesn't tell enough.
    """
    names = {column.name: column for column in shape.columns}
    for said in (*asked.key, *((asked.time,) if asked.time else ()), *dict(asked.identifiers)):
        _check_column(said, names)
    left_out = tuple(name for name in names if not PLAIN.fullmatch(name) or name in RESERVED)
    for said in (*asked.key, asked.time, *dict(asked.identifiers)):
        if said in left_out:
            raise UsageProblem(f"{said} can't be a column of a model; rename it in the file")
    names = {name: column for name, column in names.items() if name not in left_out}
    identifiers, guessed = _identifiers(names, shape, asked, id_types)
    time = asked.time or _named(names, ("timestamp", "date"), _TIMES)
    if asked.time and names[asked.time].kind not in ("timestamp", "date"):
        raise UsageProblem(
            f"--time {asked.time}: its values can't all be read as times; `2024-10-01 08:26:00` can"
        )
    has_events = bool(time and identifiers) if asked.events is None else asked.events
    if has_events and not (time and identifiers):
        missing = "time: name its column with --time" if not time else (
            "column that names people: name it with --identifier COLUMN=ID_TYPE"
        )  # fmt: skip
        raise UsageProblem(f"rows can't be events, since the file has no {missing}")
    version = _named(names, ("timestamp", "date"), _VERSIONS, exact=True)
    if has_events and names[time].empty:
        lines = ", ".join(map(str, names[time].empty_lines))
        raise UsageProblem(
            f"{time} can't be the time of events: it is empty in {names[time].empty:,} rows, such "
            f"as lines {lines}; name another one with --time, or say --no-events"
        )
    key = _key(shape, asked, names, identifiers)
    columns = tuple(
        Planned(
            column.name,
            "code" if column.name in identifiers or column.name in key
            or (column.kind in ("text", "integer") and _CODES.search(column.name))
            else "timestamp" if column.name == version
            else column.kind,
            identifiers.get(column.name, ""),
        )
        for column in names.values()
    )  # fmt: skip
    columns = tuple(
        replace(column, kind=shape.personal[column.name])
        if column.name in shape.personal and not column.id_type
        else column
        for column in columns
    )
    types = [name for name in _TYPES if has_events and name in names and names[name].empty == 0]
    types = [name for name in types if names[name].kind == "text" and name not in identifiers]
    return Plan(
        asked.name, columns, key, time, "" if version == time and has_events else version,
        types[0] if types else "", has_events, shape.day_first, is_xlsx, guessed,
        left_out,
    )  # fmt: skip


def _check_column(name: str, names: Mapping[str, Column]) -> None:
    if name in names:
        return
    near = difflib.get_close_matches(name, names, 1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}"
    raise UsageProblem(f"the file has no column {name}; {hint}")


def _identifiers(
    names: Mapping[str, Column], shape: Shape, asked: Asked, id_types: Sequence[str]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """The type of each column that names people, and which of them were guessed."""
    said = dict(asked.identifiers)
    for column, id_type in said.items():
        if id_type not in id_types:
            raise UsageProblem(
                f"--identifier {column}={id_type}: there is no such type in seeds/id_types.csv; "
                f"there are {', '.join(id_types)}; add a line for a new one"
            )
    known = shape.known_identifiers
    guessed = {
        name: known[name]
        for name, column in names.items()
        if name in known and name not in said and name not in ADDED and column.values
    }
    return {**said, **guessed}, tuple(guessed)


def _named(
    names: Mapping[str, Column], kinds: Sequence[str], wanted: Sequence[str], exact: bool = False
) -> str:
    """The first column of these kinds with a wanted name; else, unless exact, the first at all."""
    fitting = [name for name, column in names.items() if column.kind in kinds]
    found = [name for name in wanted if name in fitting]
    others = [n for n in fitting if n not in _VERSIONS and names[n].kind == "timestamp"]
    return next(iter([*found, *([] if exact else others)]), "")


def _key(
    shape: Shape, asked: Asked, names: Mapping[str, Column], identifiers: Mapping[str, str]
) -> tuple[str, ...]:
    if asked.key:
        for name in asked.key:
            _check_filled(names[name])
        doubled = names[asked.key[0]].doubled if len(asked.key) == 1 else shape.doubled
        if doubled:
            raise UsageProblem(
                f"{', '.join(asked.key)} can't be the key: {doubled}; name columns that are "
                "different in each row: --key A,B"
            )
        return asked.key
    unique = [
        c for c in names.values()
        if not c.empty and not c.doubled and c.kind in ("text", "integer", "code")
    ]  # fmt: skip
    preferred = (asked.name, asked.name.removesuffix("s"), "event", "record")
    wanted = ["id", *(f"{name}_id" for name in preferred), *(f"{n}_number" for n in preferred)]
    by_name = [c.name for name in wanted for c in unique if c.name == name]
    others = [c.name for c in unique if _CODES.search(c.name) and c.name not in identifiers]
    persons = [c.name for c in unique if c.name in identifiers]
    if found := [*by_name, *others, *persons]:
        return (found[0],)
    near = [c for c in names.values() if _CODES.search(c.name)]
    told = "".join(f"; {c.name}: {c.doubled or _empty(c)}" for c in near[:3])
    raise UsageProblem(
        "no column that looks like an id is filled and different in each row, so that none can "
        f"be the key; name columns that are together: --key A,B{told}"
    )


def _check_filled(column: Column) -> None:
    if column.empty:
        raise UsageProblem(f"{column.name} can't be in the key: {_empty(column)}")


def _empty(column: Column) -> str:
    lines = ", ".join(map(str, column.empty_lines))
    noun = "row" if column.empty == 1 else "rows"
    return f"it is empty in {column.empty:,} {noun}, such as {lines}"
