select
    feed_id || '-' || delivery_number as delivery_id,
    destination,
    address,
    what,
    platform,
    package_name,
    segment_rule,
    cast(as_of as date) as as_of_date,
    rows_inserted,
    rows_updated,
    rows_deleted,
    rows_unchanged,
    rows_refused,
    started_at,
    delivered_at
from {{ source('audit', 'deliveries') }}
