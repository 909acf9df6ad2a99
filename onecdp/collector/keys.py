"""Write keys: who sends, and how much they may send."""

from __future__ import annotations

import base64
import binascii
import hmac
import math
import time
from collections.abc import Mapping

from onecdp.collector.refusals import Refusal

BURST_SECONDS = 10.0
_LONGEST_WAIT = 86_400.0


class WriteKeys:
    """The keys of the project, each with its rate."""

    def __init__(self, names: Mapping[str, str], events_per_second: float) -> None:
        """Sets the name of each key, by the key, and the rate of each."""
        self._names = {key.encode(): name for key, name in names.items()}
        self._rates = {name: Rate(events_per_second) for name in names.values()}

    def name_of(self, key: str | None) -> str:
        """Returns the name of a key; takes equally long for all wrong ones of a length.

        Raises:
            Refusal: There is no such key.
        """
        found = ""
        given = (key or "").encode("utf-8", "replace")
        for known, name in self._names.items():
            if hmac.compare_digest(known, given):
                found = name
        if not found:
            raise Refusal(401, "invalid_write_key", "the write key is missing or unknown")
        return found

    def check_rate(self, name: str) -> None:
        """Raises `Refusal` if the key has used up what it may send now."""
        wait = self._rates[name].wait
        if wait:
            raise Refusal(429, "rate_limited", "too many events for this write key", wait)

    def spend(self, name: str, events: int) -> None:
        """Counts events of a key."""
        self._rates[name].spend(events)


class Rate:
    """A token bucket: what is left to spend grows with time, up to a burst."""

    def __init__(self, per_second: float) -> None:
        """Starts with a full burst."""
        self._per_second = per_second
        self._left = self._most = per_second * BURST_SECONDS
        self._at = time.monotonic()

    @property
    def wait(self) -> int:
        """Whole seconds after which something can be spent; 0 if it can now."""
        now = time.monotonic()
        self._left = min(self._most, self._left + (now - self._at) * self._per_second)
        self._at = now
        return math.ceil(min(_LONGEST_WAIT, max(0.0, -self._left / self._per_second)))

    def spend(self, count: int) -> None:
        """Takes from what is left, also more than there is: the next ones wait longer."""
        self._left -= count


def key_of_basic(header: str | None) -> str | None:
    """The user name of a Basic authorization, which is the write key; None if there is none."""
    scheme, _, encoded = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")[0]
    except (binascii.Error, ValueError):
        return None
