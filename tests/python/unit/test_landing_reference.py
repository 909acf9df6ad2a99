"""The reference that the landing is compared with says what the rules say."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest
from support.landing_reference import Events, File, Invoices, Links, Members
from support.landing_values import Unreadable, identifier, normalise
from support.landing_writer import Cell, Row

NOW = datetime(2026, 6, 6)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("\ufeff U1\r\n", "U1"),
        ("\u200bU1\u200b\t", "U1"),
        ("\u3000U1\u00a0", "U1"),
        ("\uff35\uff11\uff12\uff13", "U123"),
        ('="00123"', "00123"),
        ('  =" 0012 " ', "0012"),
        ("U 1", "U 1"),
        ("", ""),
    ],
)
def test_normalise(given: str, expected: str) -> None:
    assert normalise(given) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (18446744073709551617, "18446744073709551617"),
        (447911000001.0, "447911000001"),
        (Decimal("17850.0"), "17850"),
        ("17850.0", "17850"),
        ("1.5E+3", "1500"),
        ("4.47911000001E+11", "447911000001"),
        ("1234567e89012345", "1234567e89012345"),
        (float("nan"), None),
        ("  ", None),
        (None, None),
    ],
)
def test_identifier(given: Cell, expected: str | None) -> None:
    assert identifier(given) == expected


@pytest.mark.parametrize(
    "given", ["4.47911E+11", 9007199254740992.0, 17850.5, True, ["a"], {"a": 1}]
)
def test_no_identifier(given: Cell) -> None:
    with pytest.raises(Unreadable):
        identifier(given)


def line(invoice: str, price: str, code: str = "A") -> Row:
    return {
        "invoice": invoice, "stock_code": code, "quantity": 1, "invoice_date": "2024-10-01",
        "price": price,
    }  # fmt: skip


def test_invoice_is_what_the_newest_load_says() -> None:
    invoices = Invoices()
    first = [line("1", "100"), line("1", "100"), line("2", "7")]
    invoices.load([File("a", first), File("b", [*first[:1], line("1", "3")])], NOW)
    assert sorted(str(row["price"]) for row in invoices.table()) == [
        "100.0000", "100.0000", "3.0000", "7.0000"
    ]  # fmt: skip
    invoices.load([File("c", [line("1", "10")])], NOW)
    outcome = invoices.load([File("d", [line("1", "20,00"), line("1", "5", "B")])], NOW)
    assert (outcome.read, outcome.quarantined) == (2, 1)
    assert sorted(str(row["price"]) for row in invoices.table()) == ["10.0000", "7.0000"]


def test_member_is_the_newest_word_on_each_column() -> None:
    members = Members()
    members.load(
        [File("2", [{"member_id": "K", "level": "gold", "updated_at": "2024-10-02"}])], NOW
    )
    row = {"member_id": "K", "level": "iron", "real_name": "Kim", "updated_at": "2024-10-01"}
    members.load([File("1", [row])], NOW)
    far = {"member_id": "K", "level": "far", "birthday": "0000-00-00", "updated_at": "9999-12-31"}
    outcome = members.load([File("3", [far, {"member_id": "L", "birthday": "0000-00-00"}])], NOW)
    assert (outcome.read, outcome.quarantined, outcome.warnings) == (2, 1, 1)
    found = [(row["member_id"], row["level"], row["real_name"]) for row in members.table()]
    assert found == [("K", "gold", "Kim"), ("L", None, None)]


def test_first_event_stands() -> None:
    events = Events()
    row = {"event_id": "E", "event_type": "view", "event_time": "2024-10-01", "extra": 1}
    again = {**row, "extra": 2, "page_name": "p"}
    other = {**row, "event_type": "purchase"}
    outcome = events.load([File("p_10", [other]), File("p_9", [row, again])], NOW)
    assert outcome.quarantined == 1
    assert [row["event_type"] for row in events.table()] == ["view"]
    assert events.load([File("p_9", [other])], NOW).quarantined == 0
    assert [row["event_type"] for row in events.table()] == ["purchase"]


def test_withdrawal_wins_a_tie() -> None:
    links = Links()
    ends = {
        "left_id_type": "member_id", "left_id_value": "1",
        "right_id_type": "union_id", "right_id_value": "2",
    }  # fmt: skip

    def state(last_seen: str, is_active: bool) -> object:
        links.load([File("f", [{**ends, "last_seen": last_seen, "is_active": is_active}])], NOW)
        return links.table()[0]["is_active"]

    assert state("2024-10-02", False) is False
    assert state("2024-10-02", True) is False
    assert state("2024-09-30", True) is False
    assert state("2024-10-03", True) is True
    assert state("2024-10-03", False) is False
