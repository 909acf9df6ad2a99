"""Which events are recent: those of the last 24 hours, whatever is kept besides."""

from __future__ import annotations

import pytest
from support.live_worlds import DAY, MINUTE, NOON, event

from onecdp.live.features import Feature, Window
from onecdp.live.kept import Kept
from onecdp.live.measure import Measures, Value, Watermark, measure
from onecdp.live.triggers.due import Watched, next_change

CART = Feature("cart", "add_cart", "sum", Window("since", since="purchase"))
LAST = Feature("last", "*", "last_type", Window("all"))
VIEWS = Feature("views", "*", "count", Window("session"))
NEW = Feature("new", "*", "count", Window("batch"))
GAP = 2 * DAY


def values(now: int, *events: Kept) -> dict[str, Value]:
    return measure([CART, LAST, VIEWS, NEW], events, now, Watermark({}, 0), GAP)


def added(at: int) -> Kept:
    return Kept(event("E1", at=at, kind="add_cart", price=95_000), (("a", 1),))


def test_event_that_comes_after_days_fills_no_cart() -> None:
    """A phone was offline. What was bought since may be dropped: the batch has it."""
    said = values(NOON, added(NOON - 2 * DAY))
    assert said == {"cart": 0, "last": None, "views": 0, "new": 1}


@pytest.mark.parametrize("feature", [CART, LAST, VIEWS])
def test_event_of_a_day_ago_ends_by_time_alone(feature: Feature) -> None:
    one = added(NOON - DAY + MINUTE)
    before, after = values(NOON, one), values(NOON + MINUTE, one)
    assert before[feature.name] != after[feature.name]
    assert Measures([feature]).next_change([one], NOON, GAP) == NOON + MINUTE
    assert next_change([Watched(feature, ())], [one], NOON, GAP) == NOON + MINUTE
    assert values(NOON + MINUTE - 1, one) == before
