"""Cursors: the values of a growing column as text, and arithmetic with them."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from decimal import Context, Decimal
from zoneinfo import ZoneInfo

from ...landing.arrivals import Refused
from .columns import Sort

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
DEFAULT_LAG = {Sort.NUMBER: 1000.0}
"""Others have five minutes."""
FIVE_MINUTES = 300.0
EARLIEST = dt.datetime(1900, 1, 1)
_EXACT = Context(prec=200)


@dataclass(frozen=True)
class Cursor:
    """A cursor column.

    Attributes:
        remote: Its name.
        sort: What it holds.
        lag: How far behind the newest value rows may still be committed.
        zone: Of times without one; None is UTC.
    """

    remote: str
    sort: Sort
    lag: float
    zone: str | None = None

    def before_lag(self, value: str) -> str:
        """The value from which rows are read again.

        Raises:
            ValueError: It is no value of the column, which may have had another type.
        """
        if self.sort is Sort.NUMBER:
            if not _NUMBER.fullmatch(value):
                raise ValueError(value)
            return format(_EXACT.subtract(Decimal(value), Decimal(str(self.lag))), "f")
        time = dt.datetime.fromisoformat(value)
        try:
            return (time - self._repeated(time) - dt.timedelta(seconds=self.lag)).isoformat(" ")
        except OverflowError:
            return EARLIEST.isoformat(" ")

    def latest(self) -> str:
        """The latest time that is believed: now. A later one would hide what is written until then.

        The text has no zone; it is in that of the column.
        """
        zone = ZoneInfo(self.zone) if self.zone and self.sort is not Sort.INSTANT else dt.UTC
        return dt.datetime.now(zone).replace(tzinfo=None).isoformat(" ")

    def _repeated(self, time: dt.datetime) -> dt.timedelta:
        """What a clock that is put back at the end of summer may still repeat of a local time."""
        if self.zone is None or self.sort is not Sort.LOCAL_TIME:
            return dt.timedelta()
        first, second = (time.replace(tzinfo=ZoneInfo(self.zone), fold=fold) for fold in (0, 1))
        return max(
            (first.utcoffset() or dt.timedelta()) - (second.utcoffset() or dt.timedelta()),
            dt.timedelta(),
        )

    @property
    def is_time(self) -> bool:
        """Whether its values are dates or times."""
        return self.sort is not Sort.NUMBER


def make_cursor(
    name: str, sort: Sort | None, lag: float | None, table: str, zone: str | None = None
) -> Cursor:
    """A cursor, with the default lag of its sort.

    Raises:
        Refused: The table has no such column, or it holds neither times nor numbers.
    """
    if sort is None:
        raise Refused(f"{table} has no column {name}, which is its cursor")
    if sort not in (Sort.NUMBER, Sort.DATE, Sort.LOCAL_TIME, Sort.INSTANT):
        raise Refused(f"{table}: a cursor must be a time or a number, and {name} is {sort}")
    return Cursor(name, sort, DEFAULT_LAG.get(sort, FIVE_MINUTES) if lag is None else lag, zone)
