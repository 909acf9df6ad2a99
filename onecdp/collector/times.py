"""Times as ISO 8601."""

from __future__ import annotations

import datetime as dt
import re

# As in ingestion/landing/kinds.py: what is taken here must not be set aside there.
_ISO_TIME = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"
    r"(?:[ T]([0-9]{1,2}):([0-9]{1,2})(?::([0-9]{1,2})(?:\.([0-9]*))?)?"
    r"(?: ?(?:Z|UTC|([+-])(0[0-9]|1[0-5])(?::?([0-5][0-9]))?))?)?"
)
_EARLIEST_YEAR = 1900


def now() -> str:
    """The time in UTC, in milliseconds."""
    return _iso(dt.datetime.now(dt.UTC))


def is_iso_time(text: str) -> bool:
    """Whether a text is a date, or a date and a time, in ISO 8601, as `onecdp ingest` reads it."""
    time = read_iso_time(text)
    return time is not None and time.year >= _EARLIEST_YEAR


def read_iso_time(text: str) -> dt.datetime | None:
    """Returns a date, or a date and a time, in ISO 8601 as naive UTC; None if it is none."""
    found = _ISO_TIME.fullmatch(text)
    if found is None:
        return None
    *parts, fraction, sign, hours, minutes = found.groups()
    year, month, day, hour, minute, second = (int(part or 0) for part in parts)
    ahead = dt.timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    try:
        time = dt.datetime(
            year, month, day, hour, minute, second, int((fraction or "").ljust(6, "0")[:6])
        )
        return time + ahead if sign == "-" else time - ahead
    except (ValueError, OverflowError):
        return None


def as_iso_time(value: object) -> str | None:
    """ISO 8601, or seconds or milliseconds since 1970, as ISO 8601; None if it is no time.

    A number is told by its size: from 1973 to 5138, seconds have nine to eleven digits and
    milliseconds twelve to fourteen.
    """
    if isinstance(value, str) and value.isdecimal():
        value = int(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        if 10**8 <= value < 10**11:
            return _iso(dt.datetime.fromtimestamp(value, dt.UTC))
        if 10**11 <= value < 10**14:
            return _iso(dt.datetime.fromtimestamp(value / 1000, dt.UTC))
        return None
    return value if isinstance(value, str) and is_iso_time(value) else None


def _iso(time: dt.datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
