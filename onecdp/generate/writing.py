"""Writes drawn numbers as files of the sources."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa

from onecdp.errors import OnecdpError
from onecdp.generate import members
from onecdp.generate.accounts import SLIPS
from onecdp.generate.app import EVENT_TYPES, PAGES
from onecdp.generate.draws import Columns, height
from onecdp.generate.identifiers import (
    DEVICE,
    EMAIL,
    MEMBER,
    MOBILE,
    NONE,
    OPEN,
    SHOP,
    UNION,
    oddly,
    spelled,
    spelled_any,
    type_name,
)
from onecdp.generate.rates import FIRST_DAY, Delivery
from onecdp.generate.retail import COUNTRIES
from onecdp.warehouse.sql_text import literal, one_line

# Files of a source use all formats in turn, so that every format is read end to end.
_FORMATS = ("csv", "jsonl.gz", "csv.gz", "jsonl")
_EPOCH = (FIRST_DAY - date(1970, 1, 1)).days * 86_400
_FIRST_INVOICE = 500_000


class Writer:
    """Writes tables of numbers as the files of a shop."""

    def __init__(self, scratch: duckdb.DuckDBPyConnection, out: Path, seed: int) -> None:
        """Prepares the connection.

        Args:
            scratch: An in-memory connection for this writer only.
            out: The folder of the shop.
            seed: The seed of the shop, which is part of every identifier.
        """
        self._scratch = scratch
        self._out = out
        self._seed = seed
        # One thread keeps the order of the rows, so that the same seed gives the same bytes.
        scratch.execute("set threads = 1")

    def app(self, delivery: Delivery, events: Columns) -> None:
        """Writes events of `draw_events`, with the additional column `delivery_number`."""
        self._deliver(
            "app/events",
            delivery,
            events,
            f"""select
                'EV' || lpad(delivery_number::varchar, 2, '0') || lpad(event::varchar, 9, '0')
                    as event_id,
                {self._id(DEVICE, "device")} as device_id,
                {self._id(UNION, "union")} as union_id,
                {self._id(OPEN, "open")} as open_id,
                {named(EVENT_TYPES, "type")} as event_type,
                {named(PAGES, "page")} as page_name,
                case when item <> {NONE} then 'SKU' || lpad(item::varchar, 4, '0') end as item_id,
                case when cents <> {NONE} then (cents / 100)::decimal(9, 2) end as item_price,
                case channel when 0 then 'app' else 'miniapp' end as channel,
                case when is_till then 'pos' when channel = 1 then 'wechat'
                    when device % 3 = 0 then 'android' else 'ios' end as platform,
                {_moment("seconds")} as event_time,
                's' || lpad(delivery_number::varchar, 2, '0') || '_' || session as session_id
            from drawn""",
        )

    def retail(self, delivery: Delivery, lines: Columns, first_invoice: int) -> None:
        """Writes invoice lines of `draw_lines`; invoice numbers start at `first_invoice`."""
        customer = self._id(SHOP, "customer")
        # Spreadsheets export numbers as 17850.0.
        customer = f"{customer} || '.0'" if delivery.number % 3 == 0 else customer
        self._deliver(
            "retail/transactions",
            delivery,
            lines,
            f"""select
                case when is_return then 'C' else '' end
                    || ("order" + {_FIRST_INVOICE + first_invoice}) as "Invoice",
                case when item = 0 then 'POST' else (20000 + item)::varchar end as "StockCode",
                case when item = 0 then 'POSTAGE' else 'ARTICLE ' || item end as "Description",
                case when is_return then -quantity else quantity end as "Quantity",
                {_moment("seconds")} as "InvoiceDate",
                (cents / 100)::decimal(9, 2) as "Price",
                {customer} as "Customer ID",
                {named(COUNTRIES, "country")} as "Country"
            from drawn""",
        )

    def crm(self, delivery: Delivery, rows: Columns) -> None:
        """Writes members of `draw_members`."""
        self._deliver(
            "crm/members",
            delivery,
            rows,
            f"""select {self._id(MEMBER, "member")} as member_id,
                {oddly(self._id(MOBILE, "mobile"), "mobile_spelling")} as mobile_hash,
                {oddly(self._id(EMAIL, "email"), "email_spelling")} as email_hash,
                case name_slip {_slips(named(members.FIRST_NAMES, "first_name"))} end || ' ' ||
                    {named(members.FAMILY_NAMES, "family_name")} as real_name,
                {named(("F", "M", ""), "gender")} as gender,
                date '1950-01-01' + born::integer as birthday,
                {_day("registered")} as register_date,
                {named(members.CHANNELS, "channel")} as channel,
                {named(members.LEVELS, "level")} as level,
                points as total_points,
                {self._id(SHOP, "shop")} as retail_customer_id,
                {_moment("updated * 86400 + updated_second")} as updated_at
            from drawn""",
        )

    def id_graph(self, delivery: Delivery, links: Columns) -> None:
        """Writes links of `draw_links`, with the additional column `spelling`."""
        left, right = (
            oddly(
                spelled_any(f"{side}_type", f'"{side}"', self._seed),
                f"case when {side}_type in ({MOBILE}, {EMAIL}) then spelling else 0 end",
            )
            for side in ("left", "right")
        )
        self._deliver(
            "id_graph/links",
            delivery,
            links,
            f"""select {type_name("left_type")} as left_id_type, {left} as left_id_value,
                {type_name("right_type")} as right_id_type, {right} as right_id_value,
                'id_graph' as source_channel,
                round(confidence, 3) as confidence,
                {_moment("first_seen * 86400")} as first_seen,
                {_moment("last_seen * 86400 + 43200")} as last_seen,
                is_active
            from drawn""",
        )

    def truth(self, name: str, rows: Columns, **columns: str) -> None:
        """Writes `truth/<name>.csv`; `columns` are SQL expressions over the rows.

        The placeholder `{value}` is the value of the identifier (type, number).
        """
        value = spelled_any("type", "number", self._seed)
        chosen = ", ".join(
            f'{sql.replace("{value}", value)} as "{column}"' for column, sql in columns.items()
        )
        self._write(self._out / "truth" / f"{name}.csv", rows, f"select {chosen} from drawn")

    def link_end(self, side: str) -> str:
        """Returns SQL for the value at one end of a link."""
        return spelled_any(f"{side}_type", f'"{side}"', self._seed)

    def _id(self, id_type: int, n: str) -> str:
        return spelled(id_type, f'"{n}"', self._seed)

    def _deliver(self, name: str, delivery: Delivery, rows: Columns, query: str) -> None:
        # Sources send no empty files.
        if height(rows):
            suffix = _FORMATS[delivery.number % len(_FORMATS)]
            self._write(self._out / f"{name}_{delivery.day}.{suffix}", rows, query)

    def _write(self, file: Path, rows: Columns, query: str) -> None:
        how = "format json" if ".jsonl" in file.name else "format csv, header"
        plain = file.with_suffix("") if file.suffix == ".gz" else file
        self._scratch.register("drawn", pa.table(dict(rows)))
        try:
            self._scratch.execute(f"copy ({query}) to {literal(str(plain))} ({how})")
            if plain != file:
                _compress(plain, file)
        except (OSError, duckdb.IOException) as error:
            reason = one_line(str(error))
            raise OnecdpError(f"{file} can't be written: {reason}") from error
        finally:
            self._scratch.unregister("drawn")


def _compress(plain: Path, packed: Path) -> None:
    # DuckDB can write .gz itself, but takes three times as long. No time in the header, so that the
    # same seed gives the same bytes.
    with (
        plain.open("rb") as source,
        packed.open("wb") as target,
        gzip.GzipFile("", "wb", compresslevel=1, fileobj=target, mtime=0) as stream,
    ):
        shutil.copyfileobj(source, stream, 1 << 20)
    plain.unlink()


def named(names: Sequence[str], number: str) -> str:
    """Returns SQL for the name with a number; an empty name is null."""
    listed = ", ".join(literal(name) for name in names)
    return f"nullif(([{listed}])[{number} + 1], '')"


def _slips(name: str) -> str:
    return " ".join(
        f"when {number} then {slip.format(name=name)}" for number, slip in enumerate(SLIPS)
    )


def _moment(seconds: str) -> str:
    return f"make_timestamp((({seconds}) + {_EPOCH}) * 1000000)"


def _day(day: str) -> str:
    return f"date '{FIRST_DAY.isoformat()}' + ({day})::integer"
