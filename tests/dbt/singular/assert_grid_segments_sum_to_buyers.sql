-- Customers with a purchase are in one of the ten grid segments, all others in none.

select
    (select count(*) from {{ ref('customer_rfm') }}) as buyers,
    count(*) as in_grid
from {{ ref('customer_segments') }}
where grid_segment != 'Never purchased'
having count(*) != (select count(*) from {{ ref('customer_rfm') }})
