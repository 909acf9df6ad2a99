"""A value that is no identifier any more does not become one, in any column, format or source."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.ingestion import Warehouse
from support.landing_writer import Cell
from support.odd_files import (
    FORMATS,
    TABLES,
    event,
    line,
    lines_of,
    link,
    member,
    revenue,
    send,
)

Make = Callable[[str, Cell], dict[str, Cell]]
# Per identifier column a row with that value; the key makes it a row of its own.
COLUMNS: dict[tuple[str, str], Make] = {
    ("crm", "member_id"): lambda key, value: member(value),
    ("crm", "retail_customer_id"): lambda key, value: member(key, retail_customer_id=value),
    ("crm", "mobile_hash"): lambda key, value: member(key, mobile_hash=value),
    ("app", "event_id"): lambda key, value: event(value),
    ("app", "device_id"): lambda key, value: event(key, device_id=value),
    ("app", "open_id"): lambda key, value: event(key, open_id=value),
    ("retail", "invoice"): lambda key, value: line(value),
    ("retail", "customer_id"): lambda key, value: line(key, **{"Customer ID": value}),
    ("id_graph", "left_id_value"): lambda key, value: link(value, key),
    ("id_graph", "right_id_value"): lambda key, value: link(key, value),
}


@dataclass(frozen=True)
class Kind:
    """Cells that are sent, and what they are once loaded; None stands for a quarantined row.

    Each kind has cells of its own, so that no two rows of a load have one key.
    """

    name: str
    item: int
    sent: tuple[Cell, ...]
    loaded: tuple[str | None, ...]
    formats: tuple[str, ...] = (*FORMATS, "xlsx")

    def file(self, column: str) -> str:
        return f"{self.name}/{column}".replace(" ", "_")


KINDS = (
    Kind(
        "beyond 64 bits",
        1,
        (18446744073709551617, 18446744073709551619),
        ("18446744073709551617", "18446744073709551619"),
        ("csv", "jsonl", "parquet"),
    ),
    Kind(
        "of 54 to 64 bits",
        3,
        (9007199254740993, 9223372036854775807),
        ("9007199254740993", "9223372036854775807"),
        ("csv", "jsonl", "parquet"),
    ),
    Kind(
        "rounded by a spreadsheet",
        2,
        ("4.47911E+11", "4.4791e11"),
        (None, None),
    ),
    Kind(
        "exact exponent",
        2,
        ("1.5E+3", "4.47911000001E+11"),
        ("1500", "447911000001"),
    ),
    Kind(
        "not scientific",
        2,
        # An Android id, a stock code and a hash that only look like it.
        ("1234567e89012345", "15E", "9e107d9d372bb6826bd81d3542a419d6"),
        ("1234567e89012345", "15E", "9e107d9d372bb6826bd81d3542a419d6"),
    ),
    Kind(
        "exact double",
        3,
        (447911000002.0, 17850.0, 9007199254740991.0),
        ("447911000002", "17850", "9007199254740991"),
    ),
    Kind(
        "double that lost its last digits",
        3,
        (9007199254740994.0, 1e16),
        (None, None),
        ("jsonl", "parquet", "xlsx"),
    ),
    Kind(
        "fraction",
        3,
        (17850.5,),
        (None,),
        ("jsonl", "parquet", "xlsx"),
    ),
    Kind(
        "object, array, boolean",
        4,
        ({"id": "A1"}, ["A2"], True, False),
        (None,) * 4,
        ("jsonl",),
    ),
)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory, empty_warehouse: Path) -> dict[str, Warehouse]:
    """Per format a warehouse of all kinds; a kind and a column have a file of their own."""
    made = {}
    for suffix in (*FORMATS, "xlsx"):
        warehouse = Warehouse(tmp_path_factory.mktemp(suffix))
        shutil.copytree(empty_warehouse, warehouse.folder)
        for kind in KINDS:
            for (source, column), make in COLUMNS.items():
                if suffix in kind.formats and (suffix != "xlsx" or source == "retail"):
                    rows = [make(f"{column} {kind.name} {n}", v) for n, v in enumerate(kind.sent)]
                    send(warehouse, f"{source}/{kind.file(column)}.{suffix}", rows)
        warehouse.load()
        made[suffix] = warehouse
    return made


@pytest.mark.parametrize(
    ("kind", "suffix"),
    [
        pytest.param(
            kind, suffix, id=f"{kind.name}-{suffix}",
        )
        for kind in KINDS
        for suffix in kind.formats
    ],
)  # fmt: skip
def test_identifier_is_what_was_written_or_quarantined(
    loaded: dict[str, Warehouse], kind: Kind, suffix: str
) -> None:
    warehouse = loaded[suffix]
    found, expected = {}, {}
    for source, column in COLUMNS:
        if suffix == "xlsx" and source != "retail":
            continue
        name = f"{kind.file(column)}.{suffix}%"
        rows = warehouse.query(
            f"select {column} from {TABLES[source]} where _file like '{name}' order by 1"
        )
        bad = warehouse.query(
            f"select count(*) from raw_{source}.quarantine where file like '{name}' and line > 0"
        )
        found[column] = [value for (value,) in rows], bad[0][0]
        sound = sorted(value for value in kind.loaded if value is not None)
        quarantined = len(kind.loaded) - len(sound)
        if column == "mobile_hash":
            # A number without a country code, which nobody can hash, is null.
            phones = [value for value in sound if value.isdecimal() and 7 <= len(value) <= 15]
            sound = [value for value in sound if value not in phones]
            found[column] = [value for value in found[column][0] if value], bad[0][0]
            assert len(rows) == len(sound) + len(phones)
        expected[column] = sound, quarantined
    assert found == expected


def test_the_reason_says_to_export_the_column_as_text(loaded: dict[str, Warehouse]) -> None:
    rows = loaded["csv"].query(
        "select reason from raw_crm.quarantine where file like 'rounded%member_id.csv'"
    )
    assert len(rows) == 2
    for (reason,) in rows:
        assert "member_id" in reason
        assert "4.4791" in reason
        assert "as text" in reason


def test_json_numbers_are_read_as_their_source_text(warehouse: Warehouse) -> None:
    lines = (
        '{"event_id":"E1","device_id":18446744073709551617,"event_type":"view",'
        '"event_time":"2024-10-01","item_price":12345678901.2345}',
        '{"event_id":"E2","device_id":447911000001.0,"event_type":"view",'
        '"event_time":"2024-10-01","item_price":20.10}',
        '{"event_id":"E3","device_id":1.5E+3,"event_type":"view","event_time":"2024-10-01"}',
        '{"event_id":"E4","device_id":4.47911E+11,"event_type":"view","event_time":"2024-10-01"}',
        # An extra column is kept as it stands, too.
        '{"event_id":"E5","device_id":"D5","event_type":"view","event_time":"2024-10-01",'
        '"build":1.10}',
    )
    warehouse.write("app/numbers.jsonl", *lines)
    warehouse.load()
    assert warehouse.query(
        "select event_id, device_id, item_price::varchar, build from raw_app.events order by 1"
    ) == [
        ("E1", "18446744073709551617", "12345678901.2345", None),
        ("E2", "447911000001", "20.1000", None),
        ("E3", "1500", None, None),
        ("E5", "D5", None, "1.10"),
    ]
    assert [line for _, line, _ in warehouse.quarantine("app")] == [4]


def test_nan_is_null(warehouse: Warehouse) -> None:
    nan = float("nan")
    send(
        warehouse,
        "crm/members.parquet",
        [member(1.0, retail_customer_id=nan), member(nan, retail_customer_id=2.0)],
    )
    send(warehouse, "app/events.parquet", [event("E1", device_id=nan), event("E2", device_id=3.0)])
    send(
        warehouse,
        "retail/lines.parquet",
        [line(1.0, **{"Customer ID": nan}), line(2.0, **{"Customer ID": 4.0})],
    )
    warehouse.load()
    assert warehouse.query("select member_id, retail_customer_id from raw_crm.members") == [
        ("1", None)
    ]
    assert [reason for *_, reason in warehouse.quarantine("crm")] == ["member_id is missing"]
    assert warehouse.query("select event_id, device_id from raw_app.events order by 1") == [
        ("E1", None),
        ("E2", "3"),
    ]
    assert warehouse.query(
        "select invoice, customer_id from raw_retail.transactions order by 1"
    ) == [("1", None), ("2", "4")]


@pytest.mark.parametrize("suffix", ["parquet", "jsonl", "xlsx"])
@pytest.mark.parametrize("together", [True, False], ids=["one load", "two loads"])
def test_the_same_lines_in_another_format_count_once(
    warehouse: Warehouse, suffix: str, together: bool
) -> None:
    customers = [447911000001, 447911000002, 447911000003]
    send(
        warehouse,
        "retail/a.csv",
        [line("1", 10.0 + n, **{"Customer ID": c}) for n, c in enumerate(customers)],
    )
    if not together:
        warehouse.load()
    send(
        warehouse,
        f"retail/b.{suffix}",
        [line("1", 10.0 + n, **{"Customer ID": float(c)}) for n, c in enumerate(customers)],
    )
    warehouse.load()
    assert lines_of(warehouse) == [("1", "A", 10.0 + n, str(c)) for n, c in enumerate(customers)]
    assert revenue(warehouse) == 33


def test_parquet_columns_of_objects_and_booleans_are_no_identifiers(warehouse: Warehouse) -> None:
    """Refused whole or quarantined row by row, but neither loaded nor passed over."""
    for source, make in (("crm", member), ("app", event)):
        for name, value in (("object", {"id": "A"}), ("list", ["A"]), ("boolean", True)):
            send(warehouse, f"{source}/{name}.parquet", [make(value)])
    reports = warehouse.load()
    for source in ("crm", "app"):
        assert warehouse.query(f"select count(*) from {TABLES[source]}") == [(0,)]
        assert reports[source].rows_quarantined + len(reports[source].refused) == 3
