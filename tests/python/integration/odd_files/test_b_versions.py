"""What a later file may change: partial members, versions, times from the future, links.

A load takes about a second, so that one load has the cases of all formats, with keys of their own.
"""

from __future__ import annotations

import datetime as dt
from itertools import product

import pytest
from support.ingestion import Warehouse
from support.landing_writer import Cell
from support.odd_files import FORMATS, event, line, link, member, send, values

PAIRS = [f"{first} {second}" for first, second in product(FORMATS, FORMATS)]


def members(warehouse: Warehouse) -> dict[object, tuple[object, ...]]:
    """Per member: mobile_hash, real_name, level."""
    rows = warehouse.query(
        "select member_id, mobile_hash, real_name, level from raw_crm.members order by 1"
    )
    return {key: tuple(cells) for key, *cells in rows}


def ahead(days: float) -> str:
    moment = dt.datetime.now(dt.UTC) + dt.timedelta(days=days)
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def test_column_that_a_file_lacks_says_nothing(warehouse: Warehouse) -> None:
    for pair in PAIRS:
        cells: dict[str, Cell] = {"mobile_hash": "hk1", "real_name": "Kim"}
        old = member(pair, **cells, updated_at="2024-10-01 10:00:00")
        send(warehouse, f"crm/1 {pair}.{pair.split()[0]}", [old])
    warehouse.load()
    for pair in PAIRS:
        new = member(pair, level="gold", updated_at="2024-10-02 10:00:00")
        send(warehouse, f"crm/2 {pair}.{pair.split()[1]}", [new])
    report = warehouse.load()["crm"]
    assert members(warehouse) == dict.fromkeys(PAIRS, ("hk1", "Kim", "gold"))
    assert warehouse.counts(report) == (9, 9, 0, 0, 0)


def test_partial_files_of_one_load_add_up(warehouse: Warehouse) -> None:
    for suffix in FORMATS:
        new = member(suffix, level="gold", updated_at="2024-10-02")
        old = member(suffix, mobile_hash="hk1", real_name="Kim", updated_at="2024-10-01")
        send(warehouse, f"crm/a.{suffix}", [new])
        send(warehouse, f"crm/b.{suffix}", [old])
    warehouse.load()
    assert members(warehouse) == dict.fromkeys(FORMATS, ("hk1", "Kim", "gold"))


def test_older_file_fills_what_newer_ones_never_said(warehouse: Warehouse) -> None:
    send(warehouse, "crm/1.csv", [member("K1", level="gold", updated_at="2024-10-02")])
    warehouse.load()
    old = member("K1", real_name="Kim", level="iron", updated_at="2024-10-01")
    send(warehouse, "crm/2.csv", [old])
    warehouse.load()
    assert members(warehouse) == {"K1": (None, "Kim", "gold")}


def test_field_that_a_json_object_lacks_says_nothing(warehouse: Warehouse) -> None:
    """Though other objects of the file have it; null clears the value."""
    cells: dict[str, Cell] = {"mobile_hash": "hk1", "real_name": "Kim", "level": "iron"}
    keys = ("K1", "K2", "K3")
    old = [member(key, **cells, updated_at="2024-10-01") for key in keys]
    send(warehouse, "crm/1.csv", old)
    send(warehouse, "app/1.csv", [event("E1", page_name="home"), event("E2", page_name="home")])
    warehouse.load()
    new = [
        member("K1", level="gold", updated_at="2024-10-02"),
        member("K2", **{**cells, "real_name": "Lee"}, updated_at="2024-10-02"),
        member("K3", real_name=None, updated_at="2024-10-02"),
    ]
    send(warehouse, "crm/2.jsonl", new)
    send(warehouse, "app/2.jsonl", [event("E1", session_id="S1"), event("E2", page_name="shop")])
    warehouse.load()
    assert members(warehouse) == {
        "K1": ("hk1", "Kim", "gold"),
        "K2": ("hk1", "Lee", "iron"),
        "K3": ("hk1", None, "iron"),
    }
    assert warehouse.query(
        "select event_id, page_name, session_id from raw_app.events order by 1"
    ) == [("E1", "home", "S1"), ("E2", "home", None)]
    assert [line for _, line, _ in warehouse.quarantine("app")] == [2]


def test_superseded_row_names_what_superseded_it(warehouse: Warehouse) -> None:
    send(warehouse, "crm/1.csv", [member("K1", real_name="Kim", updated_at="2024-10-02")])
    warehouse.load()
    send(warehouse, "crm/2.csv", [member("K1", level="gold", updated_at="2024-10-03")])
    send(warehouse, "id_graph/a.csv", [link("M1", "U1", last_seen="2024-10-02", is_active=False)])
    warehouse.load()
    old = [member("K2"), member("K1", real_name="Lee", updated_at="2024-10-01")]
    send(warehouse, "crm/3.csv", old)
    send(warehouse, "id_graph/b.csv", [link("M1", "U1", last_seen="2024-10-02", is_active=True)])
    send(warehouse, "retail/a.csv", [line("1", 5)])
    warehouse.load()
    send(warehouse, "retail/b.csv", [line("1", "five"), line("1", 6)])
    warehouse.load()
    found = {
        source: warehouse.query(f"select file, line, by_file, by_line from raw_{source}.superseded")
        for source in ("crm", "app", "retail", "id_graph")
    }
    # The name is of the first file, whatever the second has changed since.
    assert found == {
        "crm": [("3.csv", 3, "1.csv", 2)],
        "app": [],
        "retail": [("b.csv", 3, "b.csv", 2)],
        "id_graph": [("b.csv", 2, "a.csv", 2)],
    }


def test_empty_cell_in_a_column_that_a_file_has_clears_the_value(warehouse: Warehouse) -> None:
    for suffix in FORMATS:
        old = member(suffix, real_name="Kim", level="gold", updated_at="2024-10-01")
        send(warehouse, f"crm/1.{suffix}", [old])
    warehouse.load()
    for suffix in FORMATS:
        rows = [
            member(suffix, real_name=None, level="gold", updated_at="2024-10-02"),
            member(f"{suffix} 2", real_name="Lee", level="iron", updated_at="2024-10-02"),
        ]
        send(warehouse, f"crm/2.{suffix}", rows)
    warehouse.load()
    cleared = dict.fromkeys(FORMATS, (None, None, "gold"))
    assert members(warehouse) == cleared | {f"{s} 2": (None, "Lee", "iron") for s in FORMATS}


def test_link_keeps_what_a_later_file_has_no_column_for(warehouse: Warehouse) -> None:
    """A lost confidence would be taken for the default of the type, and merge."""
    for suffix in FORMATS:
        cells: dict[str, Cell] = {"confidence": 0.5, "first_seen": "2020-01-01"}
        send(
            warehouse, f"id_graph/1.{suffix}", [link(suffix, "U", **cells, last_seen="2024-10-01")]
        )
    warehouse.load()
    for suffix in FORMATS:
        send(warehouse, f"id_graph/2.{suffix}", [link(suffix, "U", last_seen="2024-10-02")])
    warehouse.load()
    assert warehouse.query(
        "select confidence, first_seen::date::varchar, last_seen::date::varchar"
        " from raw_id_graph.links"
    ) == [(0.5, "2020-01-01", "2024-10-02")] * len(FORMATS)


def test_time_from_the_future_is_quarantined(warehouse: Warehouse) -> None:
    far: dict[str, Cell] = {
        "9999": "9999-12-31 00:00:00",
        "2224": "2224-10-01 00:00:00",
        "two days": ahead(2),
    }
    for suffix in FORMATS:
        sent = {f"{suffix} {name}": moment for name, moment in far.items()}
        old = [member(key, level="iron", updated_at=moment) for key, moment in sent.items()]
        send(warehouse, f"crm/1.{suffix}", old)
        events = [event(key, event_time=moment) for key, moment in sent.items()]
        send(warehouse, f"app/1.{suffix}", events)
        links = [link(key, "U1", last_seen=moment) for key, moment in sent.items()]
        send(warehouse, f"id_graph/1.{suffix}", links)
        lines = [line(key, InvoiceDate=moment) for key, moment in sent.items()]
        send(warehouse, f"retail/1.{suffix}", lines)
    warehouse.load()
    keys = dict.fromkeys(f"{suffix} {name}" for suffix in FORMATS for name in far)
    new = [member(key, level="gold", updated_at="2024-10-02") for key in keys]
    send(warehouse, "crm/2.csv", new)
    warehouse.load()
    assert values(warehouse, "crm", "level") == ["gold"] * 9
    assert values(warehouse, "app", "event_id") == []
    assert values(warehouse, "id_graph", "left_id_value") == []
    assert values(warehouse, "retail", "invoice") == []
    for source, column in (
        ("crm", "updated_at"), ("app", "event_time"), ("id_graph", "last_seen"),
        ("retail", "invoice_date"),
    ):  # fmt: skip
        reasons = [reason for *_, reason in warehouse.quarantine(source)]
        assert len(reasons) == 9
        assert all(column in reason for reason in reasons)
        assert sum("9999-12-31" in reason for reason in reasons) == 3


def test_time_of_a_clock_that_is_a_little_ahead_is_loaded(warehouse: Warehouse) -> None:
    moment = ahead(0.5)
    send(warehouse, "crm/1.csv", [member("K1", level="gold", updated_at=moment)])
    send(warehouse, "app/1.csv", [event("E1", event_time=moment)])
    send(warehouse, "id_graph/1.csv", [link("M1", "U1", last_seen=moment)])
    reports = warehouse.load()
    assert [report.rows_loaded for report in reports.values()] == [1, 1, 0, 1]


def test_later_load_of_the_same_version_wins(warehouse: Warehouse) -> None:
    send(warehouse, "crm/z.csv", [member("K1", level="iron", updated_at="2024-10-02")])
    warehouse.load()
    send(warehouse, "crm/a.csv", [member("K1", level="gold", updated_at="2024-10-02")])
    warehouse.load()
    assert values(warehouse, "crm", "level") == ["gold"]


@pytest.mark.parametrize("clears", [False, True], ids=["no column", "an empty cell"])
@pytest.mark.parametrize("loads", [1, 3])
def test_row_without_a_version_does_not_let_older_ones_back(
    warehouse: Warehouse, clears: bool, loads: int
) -> None:
    version: dict[str, Cell] = {"updated_at": None} if clears else {}
    days = [
        member("K1", mobile_hash="new", is_deleted=False, updated_at="2024-11-01"),
        member("K1", mobile_hash="newest", is_deleted=True, **version),
        member("K1", mobile_hash="stale", is_deleted=False, updated_at="2023-01-01"),
    ]
    for number, row in enumerate(days):
        send(warehouse, f"crm/{number}.jsonl", [row])
        if loads > 1:
            report = warehouse.load()["crm"]
    if loads == 1:
        report = warehouse.load()["crm"]
    rows = "select mobile_hash, is_deleted from raw_crm.members"
    assert warehouse.query(rows) == [("newest", True)]
    # In one load, the first row still has the version, where the second has no column for it.
    assert report.rows_superseded == (2 if loads == 1 and clears else 1)

    # What is newer than all that had a version does count.
    send(warehouse, "crm/4.jsonl", [member("K1", mobile_hash="back", updated_at="2024-11-02")])
    warehouse.load()
    assert warehouse.query(rows) == [("back", True)]


def test_link_without_a_date_does_not_let_older_ones_back(warehouse: Warehouse) -> None:
    days = [
        link("M1", "U1", is_active=True, last_seen="2024-11-01"),
        link("M1", "U1", is_active=False),
        link("M1", "U1", is_active=True, last_seen="2024-10-01"),
    ]
    for number, row in enumerate(days):
        send(warehouse, f"id_graph/{number}.jsonl", [row])
        warehouse.load()
    assert values(warehouse, "id_graph", "is_active") == [False]


def test_files_without_versions_are_ordered_naturally(warehouse: Warehouse) -> None:
    names = [("part_9", "part_10"), ("2024-9/a", "2024-10/a"), ("p9x2", "p9x10"), ("9", "10")]
    expected = []
    for suffix, (earlier, later) in product(FORMATS, names):
        key = f"{earlier}.{suffix}"
        send(warehouse, f"crm/{earlier}.{suffix}", [member(key, level="iron")])
        send(warehouse, f"crm/{later}.{suffix}", [member(key, level="gold")])
        send(warehouse, f"id_graph/{earlier}.{suffix}", [link(key, "U1", confidence=0.5)])
        send(warehouse, f"id_graph/{later}.{suffix}", [link(key, "U1", confidence=0.9)])
        send(warehouse, f"app/{earlier}.{suffix}", [event(key, page_name="first")])
        send(warehouse, f"app/{later}.{suffix}", [event(key, page_name="second")])
        expected.append(key)
    warehouse.load()
    assert values(warehouse, "crm", "level") == ["gold"] * len(expected)
    assert values(warehouse, "id_graph", "confidence") == [0.9] * len(expected)
    # The first of two events with one id stands.
    assert values(warehouse, "app", "page_name") == ["first"] * len(expected)


Sighting = tuple[str, bool]
WITHDRAWN: Sighting = ("2024-10-02", False)


@pytest.mark.parametrize("together", [True, False], ids=["one load", "two loads"])
@pytest.mark.parametrize(
    ("first", "second", "is_active"),
    [
        pytest.param(WITHDRAWN, ("2024-09-30", True), False, id="backfill"),
        pytest.param(WITHDRAWN, ("2024-10-02", True), False, id="tie"),
        pytest.param(WITHDRAWN, ("2024-10-03", True), True, id="revival"),
        pytest.param(("2024-10-02", True), ("2024-10-02", False), False, id="withdrawal"),
        pytest.param(("2024-10-02", True), ("2024-09-01", False), True, id="late withdrawal"),
    ],
)
def test_last_seen_is_the_version_of_a_link(
    warehouse: Warehouse, first: Sighting, second: Sighting, is_active: bool, together: bool
) -> None:
    for number, (last_seen, active) in enumerate((first, second)):
        for suffix in FORMATS:
            row = link(suffix, "U1", last_seen=last_seen, is_active=active)
            send(warehouse, f"id_graph/{number}.{suffix}", [row])
        if not together:
            warehouse.load()
    if together:
        warehouse.load()
    assert values(warehouse, "id_graph", "is_active") == [is_active] * len(FORMATS)


def test_backfill_in_another_spelling_does_not_revive_a_link(warehouse: Warehouse) -> None:
    spellings = {"A": " {}", "B": "{}\t", "C": "\ufeff{}"}
    rows = [link("M1", key, last_seen="2024-10-02", is_active=False) for key in spellings]
    send(warehouse, "id_graph/a.csv", rows)
    warehouse.load()
    again = [
        link("M1", spelling.format(key), last_seen="2024-09-30", is_active=True)
        for key, spelling in spellings.items()
    ]
    send(warehouse, "id_graph/b.csv", again)
    warehouse.load()
    assert values(warehouse, "id_graph", "is_active") == [False] * len(spellings)
