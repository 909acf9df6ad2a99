"""One more day of a generated shop: a file of each source, drawn from the shop's own files.

The same shop, day and number give the same rows. Customers are the shop's, and some new ones. The
day holds at least one new link that makes two people one (*merge*), one withdrawn link that divides
a person (*split*), and one event that happened a month before.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

_NAMES = {
    "crm": "members",
    "app": "events",
    "retail": "transactions",
    "id_graph": "links",
}
# Of a day's members so many are new, the others are updated.
_NEW_MEMBERS = 0.5


@dataclass(frozen=True)
class Sizes:
    """How many rows a day brings to each source."""

    crm: int
    app: int
    retail: int
    id_graph: int

    @classmethod
    def share(cls, shop: Path, share: float) -> Sizes:
        """A share of each source's rows in a generated shop, rounded up to enough for all kinds."""
        sources = json.loads((shop / "truth" / "summary.json").read_text())["sources"]
        rows = {name: int(sources[name]["rows"] * share) for name in _NAMES}
        least = {"crm": 2, "app": 20, "retail": 5, "id_graph": 6}
        return cls(**{name: max(rows[name], least[name]) for name in _NAMES})

    @property
    def total(self) -> int:
        """Rows of all sources."""
        return self.crm + self.app + self.retail + self.id_graph


# Columns without a type are read as text, as the files spell them.
_MEMBERS = """
    with latest as (
        select distinct on (member_id) * from crm order by member_id, updated_at desc
    ),
    drawn as (
        select *, row_number() over (order by hash(member_id, $number), member_id) as place
        from latest order by place limit $rows
    )
    select
        if(is_new, 'MBR9' || $stamp || lpad(place::varchar, 6, '0'), member_id) as member_id,
        if(is_new, sha256('mobile:' || $stamp || place), mobile_hash) as mobile_hash,
        if(is_new or place % 10 = 0, sha256('email:' || $stamp || place), email_hash)
            as email_hash,
        real_name, gender, birthday,
        if(is_new, $day::varchar, register_date) as register_date,
        channel,
        if(place % 5 = 0, 'gold', level) as level,
        total_points::bigint + 10 as total_points,
        if(is_new, null, retail_customer_id) as retail_customer_id,
        $day::date + interval 12 hour + place * interval 1 millisecond as updated_at
    from (select *, place <= ceil($rows * $new_members) as is_new from drawn)
    order by place
"""

# One in twenty happened a month before; one in ten is of a device and an account never seen.
_EVENTS = """
    with drawn as (
        select *, row_number() over (order by hash(event_id, $number), event_id) as place
        from (select * from app order by hash(event_id, $number), event_id limit $rows)
    )
    select
        'EVD' || $stamp || lpad(place::varchar, 9, '0') as event_id,
        case when place % 10 = 1
            then md5('device:' || $stamp || place)::uuid::varchar else device_id end as device_id,
        case when place % 10 = 1
            then 'un_' || left(md5('union:' || $stamp || place), 20) else union_id end as union_id,
        if(place % 10 = 1, null, open_id) as open_id,
        event_type, page_name, item_id, item_price, channel, platform,
        $day::date + event_time::timestamp::time
            - if(place % 20 = 0, interval 31 day, interval 0 day) as event_time,
        'd' || $stamp || '_' || session_id as session_id
    from drawn
    order by place
"""

# Whole invoices, under new numbers: an invoice states all of its lines.
_LINES = """
    with invoices as (
        select "Invoice", count(*) as line_count from retail group by all
    ),
    counted as (
        select "Invoice", sum(line_count) over in_order - line_count as lines_before,
            row_number() over in_order as place
        from invoices
        window in_order as (order by hash("Invoice", $number), "Invoice")
    )
    select
        if("Invoice" like 'C%', 'C', '') || 9 || $stamp || lpad(place::varchar, 6, '0')
            as "Invoice",
        "StockCode", "Description", "Quantity",
        $day::date + "InvoiceDate"::timestamp::time as "InvoiceDate",
        "Price", "Customer ID", "Country"
    from retail inner join counted using ("Invoice")
    where lines_before < $rows
    order by place, "StockCode", "Quantity"
"""

# Merging: a member who has nothing else, and an account of the app that has nothing else.
# Joining: links that alone join the member to the account of one person, as they were spelled.
_PAIRS = """
    create temp table held as
    select id_type, id_value, any_value(person_id) as person_id, any_value(kind) as kind
    from read_csv($truth || '/identifiers.csv', all_varchar = true)
    group by all having count(*) = 1;

    create temp table singles as
    select id_type, id_value,
        row_number() over (partition by id_type order by hash(id_value), id_value) as place
    from read_csv($truth || '/people.csv', all_varchar = true) as people
    inner join held using (person_id)
    where family is null and not is_online_customer::boolean and held.kind = 'own'
        and (
            (id_type = 'member_id' and not is_app_user::boolean)
            or (id_type = 'union_id' and not is_member::boolean)
        );

    create temp table merging as
    select member.id_value as member_id, account.id_value as union_id, place
    from singles as member inner join singles as account using (place)
    where member.id_type = 'member_id' and account.id_type = 'union_id';

    create temp table joining as
    with latest as (
        select distinct on (left_id_type, left_id_value, right_id_type, right_id_value) *
        from id_graph
        order by left_id_type, left_id_value, right_id_type, right_id_value, last_seen desc
    )
    select links.*,
        row_number() over (order by hash(left_id_value, right_id_value), left_id_value) as place
    from latest as links
    inner join held as one
        on left_id_type = one.id_type and left_id_value = one.id_value
    inner join held as other
        on right_id_type = other.id_type and right_id_value = other.id_value
    where one.person_id = other.person_id and is_active::boolean and confidence::double >= 0.8
        and list_sort([left_id_type, right_id_type]) = ['member_id', 'union_id'];
"""

# Besides those that merge and split: known accounts on new devices.
_LINKS = """
    with accounts as (
        select distinct if(left_id_type = 'union_id', left_id_value, right_id_value) as account
        from id_graph where 'union_id' in (left_id_type, right_id_type)
    )
    (
        select
            'member_id' as left_id_type, member_id as left_id_value,
            'union_id' as right_id_type, union_id as right_id_value,
            'id_graph' as source_channel, 0.95 as confidence,
            $day::timestamp as first_seen, $day::timestamp as last_seen, true as is_active
        from merging where place > ($number - 1) * $merges order by place limit $merges
    )
    union all
    (
        select left_id_type, left_id_value, right_id_type, right_id_value,
            source_channel, confidence::double, first_seen::timestamp, $day::timestamp, false
        from joining where place > ($number - 1) * $splits order by place limit $splits
    )
    union all
    (
        select 'union_id', account, 'device_id', md5('linked:' || $stamp || account)::uuid::varchar,
            'id_graph', 0.9, $day::timestamp, $day::timestamp, true
        from accounts order by hash(account, $number), account limit $others
    )
"""


@dataclass(frozen=True)
class Day:
    """What a day brings.

    Attributes:
        when: Its date.
        folder: Its files, in a folder a source.
        rows: How many, per source.
        merges: Links that make two people one.
        splits: Withdrawn links that divide a person.
        late: Events that happened a month before.
    """

    when: date
    folder: Path
    rows: Mapping[str, int]
    merges: int
    splits: int
    late: int

    def arrive(self, data: Path) -> None:
        """Moves its files to those that `data` holds already."""
        for file in self.folder.glob("*/*"):
            file.rename(data / file.parent.name / file.name)


def write_days(shop: Path, out: Path, dates: Sequence[date], sizes: Sizes) -> list[Day]:
    """Writes the files of some days, one a source and day.

    Args:
        shop: A generated shop, with its truth.
        out: The folder that gets a folder a day.
        dates: When the days are; the first draws other people than the second.
        sizes: How many rows each brings.

    Raises:
        ValueError: The shop is too small for so many days: no pair is left to merge or to split.
    """
    with duckdb.connect() as connection:
        connection.execute("set threads = 2; set enable_progress_bar = false")
        for source in _NAMES:
            _read(connection, shop, source)
        connection.execute(_PAIRS.replace("$truth", f"'{shop / 'truth'}'"))
        days = [
            _write_day(connection, out / when.isoformat(), number, when, sizes)
            for number, when in enumerate(dates, 1)
        ]
    for day in days:
        if not (day.merges and day.splits and day.late):
            raise ValueError(f"{shop} is too small for {len(days)} days: {day}")
    return days


def _write_day(
    connection: duckdb.DuckDBPyConnection, folder: Path, number: int, when: date, sizes: Sizes
) -> Day:
    merges, splits = sizes.id_graph // 3, sizes.id_graph // 6
    values = {
        "number": str(number),
        "day": f"'{when.isoformat()}'",
        "stamp": f"'{when:%y%m%d}'",
        "new_members": str(_NEW_MEMBERS),
        "merges": str(merges),
        "splits": str(splits),
        "others": str(sizes.id_graph - merges - splits),
    }
    steps = {"crm": _MEMBERS, "app": _EVENTS, "retail": _LINES, "id_graph": _LINKS}
    for source, step in steps.items():
        sql = step.replace("$rows", str(getattr(sizes, source)))
        for name, value in values.items():
            sql = sql.replace(f"${name}", value)
        connection.execute(f"create or replace temp table {source}_day as {sql}")
        (folder / source).mkdir(parents=True)
        file = folder / source / f"{_NAMES[source]}_{when.isoformat()}.csv"
        connection.execute(f"copy {source}_day to '{file}' (format csv, header)")
    is_merge = f"left_id_type = 'member_id' and is_active and last_seen = {values['day']}"
    return Day(
        when=when,
        folder=folder,
        rows={source: _count(connection, f"from {source}_day") for source in steps},
        merges=_count(connection, f"from id_graph_day where {is_merge}"),
        splits=_count(connection, "from id_graph_day where not is_active"),
        late=_count(connection, f"from app_day where event_time < {values['day']}::timestamp"),
    )


def _read(connection: duckdb.DuckDBPyConnection, shop: Path, source: str) -> None:
    """Makes a table of the shop's own files of a source, every column as text."""
    files = sorted((shop / source).iterdir())
    plain = next(file for file in files if ".csv" in file.name)
    names = connection.table_function("read_csv", [str(plain)]).columns
    # Read as they stand: to guess the types of a JSON file takes longer than to read it.
    columns = "{" + ", ".join(f"'{name}': 'varchar'" for name in names) + "}"
    parts = [
        f"select * from read_json('{file}', format = 'newline_delimited', columns = {columns})"
        if ".jsonl" in file.name
        else f"select * from read_csv('{file}', columns = {columns}, header = true)"
        for file in files
    ]
    connection.execute(f"create temp table {source} as {' union all by name '.join(parts)}")


def _count(connection: duckdb.DuckDBPyConnection, rows: str) -> int:
    row = connection.execute(f"select count(*) {rows}").fetchone()
    assert row is not None
    return int(row[0])
