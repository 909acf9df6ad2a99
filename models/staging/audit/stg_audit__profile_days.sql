select
    as_of_date,
    noted_at
from {{ source('audit', 'profile_days') }}
