"""Made-up marts of any size, and a day later, for the online store."""

from __future__ import annotations

from pathlib import Path

import duckdb

from onecdp.audiences.bitmaps import ALL_CUSTOMERS, from_members, to_bytes

_PROFILES = """
create table customer_profiles as
select
    printf('ONE%016x', n) as one_id, n::bigint as one_int, 'M' || n as member_id,
    'union_' || n as union_id, null::varchar as customer_id, md5(n::varchar) as mobile_hash,
    md5('e' || n) as email_hash, 'D' || n as device_id, 3::bigint as identifier_count,
    'Name ' || n as real_name, ['F', 'M'][n % 2 + 1] as gender,
    date '1970-01-01' + (n % 15000)::int as birthday, ['gold', 'silver', null][n % 3 + 1] as level,
    (n % 5000)::bigint as total_points, 'United Kingdom' as country,
    (n % 40)::bigint as total_orders,
    (n % 9000 + 0.25)::decimal(18, 4) as gross_revenue, 0::decimal(18, 4) as returned_revenue,
    date '2024-01-01' + (n % 300)::int as last_purchase_date, (n % 90)::bigint as page_views,
    timestamp '2024-01-01' + to_seconds(n % 9000000) as last_event_at, 'app' as first_channel,
    'online_retail' as last_channel, 'Loyal Customers' as rfm_segment,
    'loyal customers' as grid_segment, 'Churned' as recency_segment, 'Low' as frequency_segment,
    'High Value' as monetary_segment, 'Low Engagement' as engagement_segment
from range(1, $1 + 1) as r(n)
"""
_MAP = """
create table id_map as
select one_id, one_int, id_type, id_value, 'app' as source_channel, 0.9 as confidence,
    timestamp '2024-01-01' as first_seen, last_event_at as last_seen, true as is_active
from (
    select one_id, one_int, last_event_at,
        unnest(['member_id', 'email_hash', 'device_id']) as id_type,
        unnest([member_id, email_hash, device_id]) as id_value
    from customer_profiles
)
"""
_PACKAGES = """
create table audience_packages as
select 'PKG' || p as package_id, one_id, 'treatment' as arm
from customer_profiles, range(1, $1 + 1) as r(p)
where hash(one_int, p) % 20 = 0;
"""
_SUMMARY = """
create table audience_package_summary as
select package_id, 'Package ' || package_id as package_name, 'gold' as segment_rule,
    'built' as status, null::varchar as error, count(*) as customer_count
from audience_packages group by all
"""
_DAY_LATER = """
update customer_profiles set total_orders = total_orders + 1, gross_revenue = gross_revenue + 5
where hash(one_int) % 100 = 0;
update id_map set last_seen = last_seen + interval 1 day where hash(one_int) % 100 = 0;
"""


def make_marts(file: Path, customers: int, packages: int) -> None:
    """Writes a published file; each package has a twentieth of the customers."""
    with duckdb.connect(file) as marts:
        marts.execute(_PROFILES, [customers])
        marts.execute(_MAP)
        marts.execute(_PACKAGES, [packages])
        marts.execute(_SUMMARY)
        everybody = to_bytes(from_members(range(1, customers + 1)))
        marts.execute(
            "create table audience_bitmaps as select $1 as segment_tag, 'all' as tag_family,"
            " $2::blob as user_bitmap, $3::bigint as user_count",
            [ALL_CUSTOMERS, everybody, customers],
        )


def change_a_hundredth(file: Path) -> None:
    """Changes one customer in a hundred, as a day does."""
    with duckdb.connect(file) as marts:
        marts.execute(_DAY_LATER)
