-- Each customer that bought stands in one of the ten grid segments, and nobody else does.

select
    (select count(*) from {{ ref('customer_rfm') }}) as buyers,
    count(*) as in_grid
from {{ ref('customer_segments') }}
where grid_segment != 'Never purchased'
having count(*) != (select count(*) from {{ ref('customer_rfm') }})
