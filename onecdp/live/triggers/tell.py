"""Puts out who entered a trigger and who left it, and counts them."""

from __future__ import annotations

import sqlite3
from collections import Counter

import orjson

from onecdp.live.measure import iso_time
from onecdp.live.triggers import outbox
from onecdp.live.triggers.conditions import TREATMENT
from onecdp.live.triggers.declared import Trigger
from onecdp.live.triggers.outbox import Waiting
from onecdp.live.triggers.stays import Stay

ENTERED, LEFT, WAS_HELD_OUT = "entered", "left", "held_out"


class Teller:
    """Writes to the outbox, in the transaction that changes the stays."""

    def __init__(self, state: sqlite3.Connection, now: int, changes: Counter[str]) -> None:
        """Puts out nothing yet.

        Args:
            state: The live state.
            now: The time, microseconds since 1970.
            changes: Counts how many entered, left, and were held out.
        """
        self._state, self._now, self._changes = state, now, changes

    def tell(self, trigger: Trigger, stay: Stay, action: str, **more: str) -> None:
        """Puts out an event, unless the customer is held out.

        Args:
            trigger: The trigger.
            stay: The customer in it.
            action: `ENTERED` or `LEFT`.
            more: What else the event says.
        """
        if stay.arm != TREATMENT:
            if action == ENTERED:
                self._count(trigger, WAS_HELD_OUT)
            return
        self._count(trigger, action)
        event_id = f"{stay.stay_id}-{action}"
        body = {
            "event_id": event_id,
            "trigger": trigger.name,
            "action": action,
            "stay_id": stay.stay_id,
            "one_id": stay.one_id,
            "entered_at": iso_time(stay.entered_at),
            "at": iso_time(self._now),
            **more,
        }
        event = Waiting(0, trigger.name, stay.one_id, event_id, orjson.dumps(body), self._now)
        outbox.put_out(self._state, trigger.destination, event)

    def _count(self, trigger: Trigger, what: str) -> None:
        outbox.count(self._state, trigger.name, what)
        self._changes[what] += 1
