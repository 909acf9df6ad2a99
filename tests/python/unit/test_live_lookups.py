"""What a look-up asks of recent events and of the blocklist, where it was made cheap."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import duckdb
import pytest

from onecdp.live.events import Event, Identifier
from onecdp.live.features import Feature, Window
from onecdp.live.kept import LiveEvents
from onecdp.live.measure import Measures, Watermark
from onecdp.live.state import LiveState
from onecdp.serving.batch_state import BatchState

MINUTE = 60_000_000


def event(number: int, *identifiers: Identifier) -> Event:
    return Event(f"E{number}", number * MINUTE, "page_view", None, None, "app", identifiers)


@pytest.mark.parametrize("count", [0, 1, 2, 199, 200, 201, 700])
def test_events_of_any_number_of_identifiers_are_there_once_and_in_order(
    tmp_path: Path, count: int
) -> None:
    state = LiveState(tmp_path / "live.sqlite")
    # Each event has two identifiers, the last arrives first, and some stand in a second place.
    events = [event(n, ("device_id", f"D{n}"), ("union_id", f"U{n // 2}")) for n in range(800)]
    state.take("a", 1_000, [(n, each) for n, each in enumerate(reversed(events), start=1)])
    state.take("b", 10, [(7, events[0])])
    live = LiveEvents(tmp_path / "live.sqlite")
    asked = [("device_id", f"D{n}") for n in range(count)]

    found = live.of([*asked, *asked, *(("union_id", f"U{n}") for n in range(count // 2))])

    assert [kept.event for kept in found] == events[:count]
    if found:
        assert found[0].places == (("a", 800), ("b", 7))
    # A partition that came later has a name, too.
    state.take("c", 5, [(5, event(900, ("device_id", "later")))])
    assert live.of([("device_id", "later")])[0].places == (("c", 5),)
    live.close()
    state.close()


def test_who_has_no_events_has_the_values_of_none() -> None:
    measures = Measures([
        Feature("views", "page_view", "count", Window("last", MINUTE)),
        Feature("cart", "add_cart", "sum", Window("since", since="purchase")),
        Feature("bought", "purchase", "any", Window("batch")),
        Feature("last", "*", "last_type", Window("all")),
        Feature("seconds", "*", "seconds_since_last", Window("session")),
    ])  # fmt: skip
    of_none = {"views": 0, "cart": 0, "bought": False, "last": None, "seconds": None}
    found = measures.of([], 5, Watermark({}, 0), MINUTE)
    assert found == of_none
    # Whoever gets them may change them.
    found.clear()
    assert measures.of([], 9, Watermark({}, 0), MINUTE) == of_none


def test_blocklist_matches_each_pattern_of_a_type_by_itself() -> None:
    state = BatchState(
        {}, dt.date(2026, 6, 6), frozenset({("union_id", "unknown")}),
        [("*", "^0+$"), ("union_id", "(?i)test$"), ("union_id", "^a|b$"), ("device_id", "^x")],
    )  # fmt: skip
    blocked = {"000", "Unknown", "myTEST", "Another", "ob"}
    for value in ("000", "Unknown", "myTEST", "tests", "Another", "ob", "bo", "x1", "1"):
        assert state.is_blocked(("union_id", value)) == (value in blocked), value
    assert state.is_blocked(("device_id", "X1"))
    assert not state.is_blocked(("device_id", "unknown"))
    assert not BatchState({}, dt.date(2026, 6, 6), frozenset(), []).is_blocked(("a", ""))


@pytest.mark.parametrize(
    "pattern",
    [r"^\d{1,5}$", r"^\W+$", r"^\w\w$", r"\bno\b", r"^[^\w]+$", "^ä", r"^x\sy$"],
)
def test_blocklist_means_letters_and_digits_as_the_warehouse_does(pattern: str) -> None:
    state = BatchState({}, dt.date(2026, 6, 6), frozenset(), [("*", pattern)])
    values = ["12", "٣٤", "--", "äö", "名前", "no", "äno", "Äa", "[[", "x y", "x\u2003y", "ab"]
    with duckdb.connect() as connection:
        sql = "select regexp_matches(value, $1, 'i') from (select unnest($2) as value)"
        expected = [found for (found,) in connection.execute(sql, [pattern, values]).fetchall()]
    assert [state.is_blocked(("union_id", value)) for value in values] == expected
