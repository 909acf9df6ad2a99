"""What the landing should make of files, in plain Python: slow, small, and easy to check.

`Members`, `Events`, `Invoices` and `Links` each hold one raw table. `load` takes the files of one
load, `table` gives the rows that should stand. Cells are what a file holds: str, int, float,
Decimal, bool, datetime, date, list, dict, or None for an empty one; a column that a row lacks is
one that its file doesn't have.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TypeAlias

from support.landing_values import (
    Unreadable,
    boolean,
    day,
    id_type,
    identifier,
    integer,
    moment,
    money,
    score,
    text,
)
from support.landing_writer import Cell, Row

Value: TypeAlias = str | int | float | Decimal | bool | datetime | date | None
Typed: TypeAlias = dict[str, Value]

# A row without a version is as of its load.
AS_OF_NOW = datetime.max


@dataclass(frozen=True)
class Schema:
    """The columns of a raw table that are known; others are stored and decide nothing."""

    kinds: Mapping[str, Callable[[Cell], Value]]
    required: frozenset[str]
    version: str
    decisive: frozenset[str] = frozenset()
    """Columns that may be empty, but whose unreadable values must not be taken for empty."""

    def read(self, row: Row, now: datetime) -> tuple[Typed, int] | None:
        """The typed cells of a row with how many were nulled; None if it is quarantined.

        A row is quarantined for an unreadable identifier, for a required field that is missing or
        unreadable, for an unreadable decisive field, and for a version later than a day from now.
        Other unreadable fields are nulled.
        """
        typed: Typed = {}
        warnings = 0
        for name, read in self.kinds.items():
            if name not in row:
                continue
            try:
                typed[name] = read(row[name])
            except Unreadable:
                if name in self.required | self.decisive or read is identifier:
                    return None
                typed[name] = None
                warnings += 1
        if any(typed.get(name) is None for name in self.required):
            return None
        version = typed.get(self.version)
        if isinstance(version, datetime) and version > now + timedelta(days=1):
            return None
        return typed, warnings


@dataclass(frozen=True)
class File:
    """A file of a load; a refused one brings no row.

    `broken` is how many more rows it has that can't be told apart into fields.
    """

    name: str
    rows: Sequence[Row]
    refused: bool = False
    broken: int = 0


@dataclass
class Outcome:
    """What became of the rows of a load. The rest of `read` is loaded, duplicate or superseded."""

    read: int = 0
    quarantined: int = 0
    warnings: int = 0


@dataclass(frozen=True)
class Sound:
    """A row that can be loaded, with the file that it is in."""

    file: str
    typed: Typed


def natural(name: str) -> list[tuple[int, int, str]]:
    """A sort key: numbers in a name by their size, so that `_9` is before `_10`."""
    parts = re.split(r"([0-9]+)", name)
    return [(1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts]


def read_files(
    schema: Schema, files: Sequence[File], now: datetime
) -> tuple[list[Sound], list[tuple[str, Row]], Outcome]:
    """The sound rows of a load in their order, the quarantined ones, and the counts."""
    sound: list[Sound] = []
    bad: list[tuple[str, Row]] = []
    outcome = Outcome()
    for file in sorted(files, key=lambda file: natural(file.name)):
        if file.refused:
            continue
        outcome.read += len(file.rows) + file.broken
        outcome.quarantined += file.broken
        for row in file.rows:
            found = schema.read(row, now)
            if found is None:
                bad.append((file.name, row))
                outcome.quarantined += 1
            else:
                sound.append(Sound(file.name, found[0]))
                outcome.warnings += found[1]
    return sound, bad, outcome


MEMBERS = Schema(
    {
        "member_id": identifier, "mobile_hash": identifier, "email_hash": identifier,
        "retail_customer_id": identifier, "real_name": text, "level": text, "birthday": day,
        "total_points": integer, "updated_at": moment, "is_deleted": boolean,
    },
    frozenset({"member_id"}),
    "updated_at",
    frozenset({"updated_at", "is_deleted"}),
)  # fmt: skip
EVENTS = Schema(
    {
        "event_id": identifier, "device_id": identifier, "open_id": identifier,
        "event_type": text, "page_name": text, "item_price": money, "event_time": moment,
    },
    frozenset({"event_id", "event_type", "event_time"}),
    "event_time",
)  # fmt: skip
LINES = Schema(
    {
        "invoice": identifier, "stock_code": identifier, "description": text, "quantity": integer,
        "invoice_date": moment, "price": money, "customer_id": identifier, "country": text,
    },
    frozenset({"invoice", "stock_code", "quantity", "invoice_date", "price"}),
    "invoice_date",
)  # fmt: skip
LINKS = Schema(
    {
        "left_id_type": id_type, "left_id_value": identifier, "right_id_type": id_type,
        "right_id_value": identifier, "confidence": score, "first_seen": moment,
        "last_seen": moment, "is_active": boolean,
    },
    frozenset({"left_id_type", "left_id_value", "right_id_type", "right_id_value"}),
    "last_seen",
    frozenset({"confidence", "last_seen", "is_active"}),
)  # fmt: skip
LINK_KEY = ("left_id_type", "left_id_value", "right_id_type", "right_id_value")


def _newer(version: Value, than: Value) -> bool:
    """Whether what comes later takes the place of what stands. One without a version is of now."""
    if not isinstance(version, datetime) or not isinstance(than, datetime):
        return True
    return version >= than


def _by_version(rows: list[Sound], version: str) -> list[Sound]:
    def key(row: Sound) -> datetime:
        found = row.typed.get(version)
        return found if isinstance(found, datetime) else AS_OF_NOW

    return sorted(rows, key=key)


@dataclass
class Members:
    """A member is the newest word on each of its columns."""

    stated: dict[str, dict[str, tuple[Value, Value]]] = field(default_factory=dict)
    """Per member and column its value with the version that it was stated by."""

    def load(self, files: Sequence[File], now: datetime) -> Outcome:
        rows, _, outcome = read_files(MEMBERS, files, now)
        for row in _by_version(rows, "updated_at"):
            columns = self.stated.setdefault(str(row.typed["member_id"]), {})
            version = row.typed.get("updated_at")
            # One without a version is at least as new as all that is known of the member.
            known = [at for _, at in columns.values() if isinstance(at, datetime)]
            at = version if isinstance(version, datetime) else max(known, default=None)
            for name, value in row.typed.items():
                if name not in columns or _newer(version, columns[name][1]):
                    columns[name] = value, at
        return outcome

    def table(self) -> list[Typed]:
        return [
            {name: columns.get(name, (None, None))[0] for name in MEMBERS.kinds}
            for _, columns in sorted(self.stated.items())
        ]


@dataclass
class Events:
    """The first event of an id stands, unless a new version of its own file changes it.

    Another one is quarantined if a column that both have differs.
    """

    standing: dict[str, Sound] = field(default_factory=dict)

    def load(self, files: Sequence[File], now: datetime) -> Outcome:
        rows, _, outcome = read_files(EVENTS, files, now)
        chosen: set[str] = set()
        for row in rows:
            key = str(row.typed["event_id"])
            stood = self.standing.get(key)
            if stood is None or (key not in chosen and stood.file == row.file):
                self.standing[key] = row
                chosen.add(key)
        for row in rows:
            stands = self.standing[str(row.typed["event_id"])].typed
            if any(stands[name] != row.typed[name] for name in stands.keys() & row.typed.keys()):
                outcome.quarantined += 1
        return outcome

    def table(self) -> list[Typed]:
        return [
            {name: row.typed.get(name) for name in EVENTS.kinds}
            for _, row in sorted(self.standing.items())
        ]


@dataclass
class Invoices:
    """An invoice is a document: the newest load that names it states all of its lines."""

    documents: dict[str, Counter[tuple[Value, ...]]] = field(default_factory=dict)

    def load(self, files: Sequence[File], now: datetime) -> Outcome:
        rows, bad, outcome = read_files(LINES, files, now)
        held: dict[str, dict[str, Counter[tuple[Value, ...]]]] = {}
        for row in rows:
            lines = held.setdefault(str(row.typed["invoice"]), {}).setdefault(row.file, Counter())
            lines[tuple(row.typed.get(name) for name in LINES.kinds)] += 1
        incomplete = {_invoice(row) for _, row in bad}
        for invoice, by_file in held.items():
            if invoice in incomplete and invoice in self.documents:
                continue
            united: Counter[tuple[Value, ...]] = Counter()
            for lines in by_file.values():
                united |= lines
            self.documents[invoice] = united
        return outcome

    def table(self) -> list[Typed]:
        lines = (line for document in self.documents.values() for line in document.elements())
        return [dict(zip(LINES.kinds, line, strict=True)) for line in lines]


def _invoice(row: Row) -> str | None:
    try:
        return identifier(row.get("invoice"))
    except Unreadable:
        return None


@dataclass
class Links:
    """A link is its latest sighting; on a tie a withdrawal stands, then the later load."""

    standing: dict[tuple[Value, ...], Typed] = field(default_factory=dict)
    versions: dict[tuple[Value, ...], Value] = field(default_factory=dict)
    """Of each link; a row without one is at least as new as what stands."""

    def load(self, files: Sequence[File], now: datetime) -> Outcome:
        rows, _, outcome = read_files(LINKS, files, now)
        for row in _by_version(rows, "last_seen"):
            key = tuple(row.typed[name] for name in LINK_KEY)
            stood = self.standing.get(key, {})
            old, new = self.versions.get(key), row.typed.get("last_seen")
            is_tie = stood and isinstance(new, datetime) and old == new
            revives = stood.get("is_active") is False and row.typed.get("is_active") is not False
            if _newer(new, old) and not (is_tie and revives):
                self.standing[key] = {**stood, **row.typed}
                self.versions[key] = new if isinstance(new, datetime) else old
        return outcome

    def table(self) -> list[Typed]:
        return [
            {name: link.get(name) for name in LINKS.kinds}
            for _, link in sorted(
                self.standing.items(), key=lambda item: [str(part) for part in item[0]]
            )
        ]
