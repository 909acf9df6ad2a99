"""Times as ISO 8601."""

from __future__ import annotations

import datetime as dt


def now() -> str:
    """The time in UTC, in milliseconds."""
    return _iso(dt.datetime.now(dt.UTC))


def is_iso_time(text: str) -> bool:
    """Whether a text is a date, or a date and a time, in ISO 8601."""
    try:
        dt.datetime.fromisoformat(text)
    except ValueError:
        return False
    return text[:4].isdecimal() and "W" not in text


def as_iso_time(value: object) -> str | None:
    """Seconds since 1970, or ISO 8601, as ISO 8601; None if it is no time."""
    if isinstance(value, str) and value.isdecimal():
        value = int(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return _iso(dt.datetime.fromtimestamp(value, dt.UTC))
        except (OverflowError, OSError, ValueError):
            return None
    return value if isinstance(value, str) and is_iso_time(value) else None


def _iso(time: dt.datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
