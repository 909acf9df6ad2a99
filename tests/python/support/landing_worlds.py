"""Random tables of each source, split, sent again, corrected, reordered and damaged.

A world shares no key with another, so that one load is a step of many of them. What a world sends
is written in a random format, and told to the reference as it can be read.
"""

from __future__ import annotations

import gzip
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from support.landing_files import SOUND, Sent, write_file
from support.landing_reference import Events, Invoices, Links, Members, Outcome, natural
from support.landing_values import normalise
from support.landing_writer import DIALECTS, Cell, Dialect, Row

DATES = ("2024-01-01", "2024-03-05 08:30:00", "2024-10-02T23:59:59", "2025-02-28 00:00:00")
SPELLINGS = ("{}", " {}", "{}\t", "\ufeff{}", "{}\u200b", '="{}"', "{}\n")
FAR = "9999-12-31 00:00:00"


@dataclass
class World(ABC):
    """The data of one source under keys of its own, and what it should have become.

    `is_damaged` says whether what goes wrong today may be in it: odd spellings, partial files,
    corrections of invoices, versions from the future and so on.
    """

    name: str
    chance: random.Random
    is_damaged: bool
    outcomes: list[Outcome] = field(default_factory=list)
    sent: dict[str, Sequence[Row]] = field(default_factory=dict)
    bodies: dict[str, bytes] = field(default_factory=dict)
    contents: dict[tuple[str, bytes], set[str]] = field(default_factory=dict)

    source: ClassVar[str] = ""
    letter: ClassVar[str] = ""
    """What the keys of its rows have after the name of the world."""
    dialects: ClassVar[tuple[Dialect, ...]] = DIALECTS
    formats: ClassVar[tuple[str, ...]] = ("csv", "csv", "jsonl", "parquet")
    identifiers: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        self.expected = self.reference()

    @abstractmethod
    def reference(self) -> Members | Events | Invoices | Links: ...

    @abstractmethod
    def rows(self) -> list[dict[str, Cell]]:
        """The rows of a file."""

    def pick(self, *choices: Cell) -> Cell:
        return self.chance.choice(choices)

    def maybe(self, share: float = 0.2) -> bool:
        """True so often in a damaged world, else never."""
        return self.is_damaged and self.chance.random() < share

    def spelled(self, value: str) -> str:
        return self.chance.choice(SPELLINGS).format(value) if self.maybe() else value

    def few(self, row: Callable[[], dict[str, Cell]]) -> list[dict[str, Cell]]:
        return [row() for _ in range(self.chance.randrange(1, 7))]

    def step(self, number: int, now: datetime) -> list[Sent]:
        """The files of one load; the reference takes them in."""
        rows = self.rows()
        again = list(self.chance.choice(list(self.sent.values()))) if self.sent else []
        pieces: dict[str, Sequence[Row]] = {}
        first = 9 if self.is_damaged else 1
        for piece in self.divide(rows):
            pieces[f"{self.name}/load{number}_{len(pieces) + first}"] = piece
        if again and self.chance.random() < 0.4:
            # Sent again, in another order and under another name.
            self.chance.shuffle(again)
            pieces[f"{self.name}/again{number}"] = again
        if self.sent and self.maybe(0.4):
            # A new version of a file of before.
            pieces[self.chance.choice(list(self.sent))] = self.rows()
        self.sent |= pieces
        dialects = self.dialects if self.is_damaged else SOUND
        written = [
            write_file(self.source, name, piece, self.formats, dialects, self.is_damaged)
            for name, piece in pieces.items()
            if piece
        ]
        # A file that has not changed is not loaded again, nor is a copy of another one.
        sent = [one for one in written if self.bodies.get(one.path) != one.body]
        self.bodies |= {one.path: one.body for one in sent}
        files = [file for one in self.in_order(sent) if self.is_news(one) for file in one.files]
        self.outcomes.append(self.expected.load(files, now))
        return sent

    def in_order(self, sent: Sequence[Sent]) -> list[Sent]:
        return sorted(sent, key=lambda one: natural(one.path))

    def is_news(self, one: Sent) -> bool:
        """Whether no other file has brought the content; notes that this one has."""
        if all(file.refused for file in one.files):
            return True
        is_packed = one.path.endswith(".gz")
        body = gzip.decompress(one.body) if is_packed else one.body
        suffix = one.path.removesuffix(".gz").rpartition(".")[2]
        holders = self.contents.setdefault((suffix, body), set())
        is_news = not holders or one.path in holders
        if is_news:
            holders.add(one.path)
        return is_news

    def divide(self, rows: list[dict[str, Cell]]) -> Sequence[Sequence[Row]]:
        cut = self.chance.randrange(len(rows) + 1)
        return [part for part in (rows[:cut], rows[cut:]) if part]

    def expected_rows(self) -> list[str]:
        """The rows that should stand, as text, in a fixed order."""
        return sorted(self.as_line(row) for row in self.expected.table())

    def as_line(self, row: Mapping[str, object]) -> str:
        """A row as text; identifiers in their one spelling, wherever that is made."""
        cells = {}
        for name, value in row.items():
            if name in self.identifiers and isinstance(value, str):
                value = normalise(value)
            cells[name] = None if value is None else str(value)
        return str(sorted(cells.items()))


class MemberWorld(World):
    source, letter = "crm", "M"
    identifiers = ("member_id", "mobile_hash", "email_hash", "retail_customer_id")

    def reference(self) -> Members:
        return Members()

    def row(self) -> dict[str, Cell]:
        number = self.chance.randrange(4)
        row: dict[str, Cell] = {
            "member_id": self.spelled(f"{self.name}M{number}"),
            "mobile_hash": self.pick(None, "h1", "h2"),
            "retail_customer_id": self.pick(None, "17850", "17850.0"),
            "real_name": self.pick(None, "Kim", "Åse, \"A\"", "姓名"),
            "level": self.pick(None, "gold", "iron"),
            "birthday": self.pick(None, "1990-05-12"),
            "total_points": self.pick(None, 0, 1200),
            "updated_at": self.chance.choice(DATES),
        }  # fmt: skip
        if self.maybe(0.1):
            row |= self.chance.choice((
                {"birthday": "0000-00-00"}, {"total_points": "many"}, {"updated_at": FAR},
                {"member_id": "4.47911E+11"}, {"member_id": None}, {"mobile_hash": "1.23457E+12"},
                {"birthday": "0024-05-12"}, {"updated_at": "0001-01-01 00:00:00"},
            ))  # fmt: skip
        return row

    def rows(self) -> list[dict[str, Cell]]:
        rows = self.few(self.row)
        if self.maybe(0.5):
            # A partial file: all of its rows lack the same columns.
            gone = set(self.chance.sample(["mobile_hash", "real_name", "level", "birthday"], 2))
            return [{k: v for k, v in row.items() if k not in gone} for row in rows]
        return rows


class EventWorld(World):
    source, letter = "app", "E"
    identifiers = ("event_id", "device_id", "open_id")

    def reference(self) -> Events:
        return Events()

    def row(self) -> dict[str, Cell]:
        number = self.chance.randrange(8)
        same = random.Random(f"{self.name}{number}")
        row: dict[str, Cell] = {
            "event_id": self.spelled(f"{self.name}E{number}"),
            "device_id": self.spelled(f"D{number}"),
            "open_id": None,
            "event_type": same.choice(("view", "purchase")),
            "page_name": same.choice((None, "结账", "a, b")),
            "item_price": same.choice((None, 5, Decimal("20.50"))),
            "event_time": same.choice(DATES),
        }
        if self.maybe(0.2):
            row |= self.chance.choice((
                {"event_type": "other"}, {"event_time": FAR}, {"item_price": "free"},
                {"event_time": "soon"}, {"device_id": 18446744073709551617},
                {"received_at": str(self.chance.random())}, {"device_id": "4.47911E+11"},
                {"event_time": "0001-01-01 00:00:00"},
            ))  # fmt: skip
        return row

    def rows(self) -> list[dict[str, Cell]]:
        return self.few(self.row)


class InvoiceWorld(World):
    source, letter = "retail", "I"
    formats = ("csv", "csv", "jsonl", "parquet", "xlsx")
    # Which invoice a row that is no UTF-8 belongs to is nobody's to say.
    dialects = tuple(dialect for dialect in DIALECTS if dialect.encoding != "latin-1")
    identifiers = ("invoice", "customer_id")

    def reference(self) -> Invoices:
        return Invoices()

    def document(self, number: int) -> list[dict[str, Cell]]:
        """The lines of an invoice; always the same ones where nothing is damaged."""
        chance = self.chance if self.is_damaged else random.Random(f"{self.name}{number}")
        return [
            {
                "invoice": self.spelled(f"{self.name}I{number}"),
                "stock_code": chance.choice(("A", "84029E")),
                "description": chance.choice((None, "THÉ, VERT")),
                "quantity": chance.choice((1, -2)),
                "invoice_date": "2024-10-01 08:26:00",
                "price": chance.choice((2, Decimal("2.55"))),
                "customer_id": chance.choice((None, "17850")),
                "country": "France",
            }
            for _ in range(chance.randrange(1, 4))
        ]

    def rows(self) -> list[dict[str, Cell]]:
        numbers = self.chance.sample(range(5), k=2)
        rows = [row for number in numbers for row in self.document(number)]
        if self.maybe(0.3):
            self.chance.choice(rows)["price"] = "20,00"
        if self.maybe(0.2):
            self.chance.choice(rows)["till"] = "T1"
        if self.maybe(0.2):
            self.chance.choice(rows)["quantity"] = "1e3"
        return rows

    def divide(self, rows: list[dict[str, Cell]]) -> Sequence[Sequence[Row]]:
        # Equal lines stay together: those in two files are taken for an overlap.
        return [rows]


class LinkWorld(World):
    source, letter = "id_graph", "L"
    identifiers = ("left_id_value", "right_id_value")

    def reference(self) -> Links:
        return Links()

    def row(self) -> dict[str, Cell]:
        seen = self.chance.choice(DATES)
        # In a sound world the newest sighting always comes last.
        return {
            "left_id_type": "mail_hash" if self.maybe(0.1) else "member_id",
            "left_id_value": self.spelled(f"{self.name}L{self.chance.randrange(3)}"),
            "right_id_type": "union_id",
            "right_id_value": self.spelled(f"R{self.chance.randrange(2)}"),
            "confidence": self.pick(None, 0.5, 0.95),
            "first_seen": self.pick(None, "2020-01-01"),
            "last_seen": FAR if self.maybe(0.1) else seen if self.is_damaged else None,
            "is_active": self.pick(True, True, False, None),
        }

    def rows(self) -> list[dict[str, Cell]]:
        return self.few(self.row)


WORLDS: tuple[type[World], ...] = (MemberWorld, EventWorld, InvoiceWorld, LinkWorld)
