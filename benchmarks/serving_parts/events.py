"""Recent events, as `onecdp live` keeps them."""

from __future__ import annotations

import datetime as dt
import random
from pathlib import Path

from onecdp.live.events import Event, microseconds
from onecdp.live.state import LiveState

EACH = 10
_KINDS = ("page_view", "page_view", "page_view", "add_cart", "purchase")


def make_events(file: Path, customers: int) -> int:
    """Writes ten events of the last two hours for the first ones; returns for how many."""
    active = min(customers // 2, 20_000)
    now = microseconds(dt.datetime.now(dt.UTC).replace(tzinfo=None))
    events = [
        Event(
            event_id=f"{number}-{place}",
            event_time=now - random.randint(0, 7_200_000_000),
            event_type=random.choice(_KINDS),
            price=95_000,
            session_id=None,
            channel="app",
            identifiers=(("member_id", f"M{number}"), ("device_id", f"D{number}")),
        )
        for number in range(1, active + 1)
        for place in range(EACH)
    ]
    state = LiveState(file)
    state.take("a", len(events), enumerate(events, start=1))
    state.close()
    return active
