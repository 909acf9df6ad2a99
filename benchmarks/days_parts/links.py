"""Ten million links as a file of the ID graph, and days of some thousand new ones."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
from identity_parts.links import generate

# The links of benchmarks/identity.py, with the types of the project. One in twenty members is an
# account instead, and one in ten of these is joined to the next member: such joins are taken back.
_WRITE = """
    create temp table typed as
    select
        case when number % 20 = 0 then 'union_id' else {types}[left_id_type] end as left_id_type,
        case when number % 20 = 0 then 'U' || number else left_id_value end as left_id_value,
        {types}[right_id_type] as right_id_type,
        right_id_value
    from (
        select *, if(left_id_type = 'member', try_cast(left_id_value[2:] as bigint), null) as number
        from given.links
    );

    insert into typed
    select 'union_id', 'U' || number, 'member_id', 'M' || (number + 1)
    from (
        select distinct try_cast(left_id_value[2:] as bigint) as number
        from typed where left_id_type = 'union_id'
    )
    where number % 200 = 0;

    copy (
        select
            *,
            'id_graph' as source_channel,
            0.8 + (hash(left_id_value) % 200) / 1000 as confidence,
            timestamp '2024-01-01' + interval 1 day * (hash(right_id_value) % 300)::integer
                as first_seen,
            timestamp '2025-01-01' + interval 1 day * (hash(right_id_value) % 300)::integer
                as last_seen,
            true as is_active
        from typed
    ) to '{file}' (format parquet)
"""
_TYPES = """
    map {'member': 'member_id', 'phone': 'mobile_hash', 'email': 'email_hash',
        'device': 'device_id'}
"""
# A third joins an account to a member, a third are new members, a hundredth withdraws a join; the
# others give known members new devices.
_DAY = """
    create temp table accounts as
    with found as (
        select distinct left_id_value as account, try_cast(left_id_value[2:] as bigint) as number
        from read_parquet('{file}') where left_id_type = 'union_id'
    )
    select *, number % 200 = 0 as is_joined,
        row_number() over (partition by number % 200 = 0 order by hash(number), number) as place
    from found;

    create temp table changes as
    (
        select 'union_id' as left_id_type, account as left_id_value,
            'member_id' as right_id_type, 'M' || (number + 2) as right_id_value, true as is_active
        from accounts
        where not is_joined and place > {number} * ({rows} // 3) order by place limit {rows} // 3
    )
    union all
    (
        select 'union_id', account, 'member_id', 'M' || (number + 1), false
        from accounts
        where is_joined and place > {number} * ({rows} // 100 + 1)
        order by place limit {rows} // 100 + 1
    );

    insert into changes
    select 'member_id',
        if(place % 2 = 0, 'N{number}_' || place,
            'M' || (100000001 + 20 * ((place * 7919) % (select count(*) from accounts)))),
        'device_id', md5('{number}:' || place)::uuid::varchar, true
    from range({rows} - (select count(*) from changes)) as missing (place);

    copy (
        select * exclude (is_active), 'id_graph' as source_channel, 0.95 as confidence,
            timestamp '{day}' as first_seen, timestamp '{day}' as last_seen, is_active
        from changes
    ) to '{out}' (format csv, header)
"""


def write_links(data: Path, links: int) -> None:
    """Writes `data/id_graph/links.parquet`, the same each time."""
    folder = data / "id_graph"
    folder.mkdir(parents=True)
    made = data / "links.duckdb"
    generate(made, links)
    with duckdb.connect() as connection:
        connection.execute("set threads = 2; set enable_progress_bar = false")
        connection.execute(f"attach '{made}' as given (read_only)")
        connection.execute(_WRITE.format(types=_TYPES, file=folder / "links.parquet"))
    made.unlink()


def write_day_of_links(data: Path, number: int, day: date, rows: int) -> None:
    """Writes a day of new links beside the others."""
    folder = data / "id_graph"
    with duckdb.connect() as connection:
        connection.execute("set threads = 2; set enable_progress_bar = false")
        connection.execute(
            _DAY.format(
                number=number, day=day.isoformat(), rows=rows,
                file=folder / "links.parquet", out=folder / f"links_{day.isoformat()}.csv",
            )
        )  # fmt: skip
