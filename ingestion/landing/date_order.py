"""Dates with slashes: what a file shows of whether the month or the day comes first.

`05/02/2011` may be either, `28/02/2011` and `02/28/2011` show it. A source's `date_order` decides;
without one, dates are read month first, and a file that shows the contrary is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from onecdp.warehouse.sql_text import literal, quoted

from ..declaration import DateOrder, Kind, TableSpec
from .arrivals import Refused

SLASHED = r"'^\s*[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}'"
ANOTHER = {
    DateOrder.MONTH_FIRST: DateOrder.DAY_FIRST,
    DateOrder.DAY_FIRST: DateOrder.MONTH_FIRST,
}
NAMED = 10


class OtherOrder(Refused):
    """A date has its day and month in the other order than its file would be read in."""


@dataclass
class SlashDates:
    """The slash dates of one place, chunk by chunk.

    Attributes:
        spec: The table that the place is meant for.
        is_shown: Whether a date can only be read in the order in which they are read.
        ambiguous: The first date that can be read in both, with its column.
    """

    spec: TableSpec
    is_shown: bool = False
    ambiguous: tuple[str, str] | None = None

    @property
    def notice(self) -> str | None:
        """What to tell the user of a place whose slash dates are all ambiguous; None of others."""
        if self.spec.date_order is not None or self.is_shown or self.ambiguous is None:
            return None
        column, value = self.ambiguous
        month_first = _written(value, DateOrder.MONTH_FIRST)
        day_first = _written(value, DateOrder.DAY_FIRST)
        return (
            f"all of its slash dates are ambiguous: {column} {value!r} is read month first, as "
            f"{month_first}; day first it would be {day_first}. Say which with "
            f"{setting(self.spec.source, 'day_first')} (or month_first), or write YYYY-MM-DD"
        )

    def read(self, connection: duckdb.DuckDBPyConnection, rows: pa.Table) -> None:
        """Looks at the dates of some rows.

        Raises:
            OtherOrder: One can't be read in the order of the source.
        """
        columns = [
            column.name
            for column in self.spec.columns
            if column.kind in (Kind.TIMESTAMP, Kind.DATE)
            and column.name in rows.column_names
            and pc.any(pc.match_substring(rows.column(column.name), "/")).as_py()
        ]
        if not columns:
            return
        order = self.spec.date_order or DateOrder.MONTH_FIRST
        month, day = ("one", "two") if order is DateOrder.MONTH_FIRST else ("two", "one")
        dates = " union all ".join(
            f"select _line, {literal(name)} as name, {quoted(name)} as value "
            f"from incoming where contains({quoted(name)}, '/')"
            for name in columns
        )
        connection.register("incoming", rows)
        found = connection.execute(
            f"""with dates as (
                select name, _line as line, value, trim(split_part(value, '/', 1))::int as one,
                    split_part(value, '/', 2)::int as two
                from ({dates}) where regexp_matches(value, {SLASHED})
            )
            select
                arg_min([name, value, line::varchar], line) filter (where {month} > 12),
                coalesce(bool_or({day} between 13 and 31 and {month} between 1 and 12), false),
                arg_min([name, value], line) filter (
                    where one <> two and one between 1 and 12 and two between 1 and 12
                )
            from dates"""
        ).fetchall()
        connection.unregister("incoming")
        other, is_shown, ambiguous = found[0]
        if other:
            name, value, line = other
            raise OtherOrder(f"line {line}: {_complaint(self.spec.source, name, value, order)}")
        self.is_shown = self.is_shown or is_shown
        if self.ambiguous is None and ambiguous:
            self.ambiguous = tuple(ambiguous)


def read_month_first(connection: duckdb.DuckDBPyConnection, loads: str) -> list[str]:
    """The loaded files whose slash dates, all of them ambiguous, were read month first."""
    found = connection.execute(
        f"""select file from {loads} group by file
        having arg_max(has_ambiguous_dates, loaded_at) order by file"""
    )
    return [str(file) for (file,) in found.fetchall()]


def setting(source: str, order: str) -> str:
    """How the user says in which order a source writes dates."""
    return f'date_order = "{order}" under [sources.{source}] in .dlt/config.toml'


def earlier_files(source: str, shown_by: str, files: Sequence[str]) -> str:
    """What to tell of files that were read month first before another showed day first."""
    named = ", ".join(files[:NAMED])
    more = len(files) - NAMED
    rest = f" and {more} more (has_ambiguous_dates in raw_{source}.loads)" if more > 0 else ""
    was, they = ("was", "it is") if len(files) == 1 else ("were", "they are")
    return (
        f"{shown_by} writes dates day first, but {named}{rest}, whose dates are ambiguous, "
        f"{was} read month first; with {setting(source, 'day_first')} {they} read again"
    )


def slash_formats(order: DateOrder | None, suffixes: Sequence[str]) -> str:
    """The formats of slash dates, as a list in SQL."""
    date = "%d/%m/%Y" if order is DateOrder.DAY_FIRST else "%m/%d/%Y"
    return f"[{', '.join(literal(date + suffix) for suffix in suffixes)}]"


def _parts(value: str, order: DateOrder) -> Mapping[str, int]:
    one, two, year = (int(part) for part in re.findall("[0-9]+", value)[:3])
    month, day = (one, two) if order is DateOrder.MONTH_FIRST else (two, one)
    return {"year": year, "month": month, "day": day}


def _written(value: str, order: DateOrder) -> str:
    return "{year:04}-{month:02}-{day:02}".format(**_parts(value, order))


def _complaint(source: str, column: str, value: str, order: DateOrder) -> str:
    month = _parts(value, order)["month"]
    ending = {1: "st", 2: "nd", 3: "rd"}.get(month % 10, "th") if month > 20 else "th"
    other = _parts(value, ANOTHER[order])
    is_date = other["month"] <= 12 and other["day"] <= 31
    written = _written(value, ANOTHER[order]) if is_date else "YYYY-MM-DD"
    words = str(order).replace("_", " ")
    return (
        f"{column}: {value!r} has no {month}{ending} month: slash dates are read {words}; "
        f"write {written}, or set {setting(source, ANOTHER[order])}"
    )
