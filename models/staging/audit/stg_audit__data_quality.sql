select
    check_id,
    run_id,
    check_name,
    rule,
    table_name,
    column_name,
    value,
    at_least,
    at_most,
    verdict,
    cast(checked_at as timestamp) as checked_at
from {{ source('audit', 'data_quality') }}
