-- What the incremental customers hold equals a count of all their events.

with from_events as (

    select
        one_id,
        count(distinct coalesce(order_id, event_id)) as orders,
        sum(revenue) as gross_revenue,
        max(event_date) as last_purchase_date
    from {{ ref('unified_events') }}
    where event_type = 'purchase' and one_id is not null
    group by one_id

)

select
    from_events.one_id as event_one_id,
    rfm.one_id as rfm_one_id,
    from_events.orders as event_orders,
    rfm.orders as rfm_orders
from from_events
full outer join {{ ref('customer_rfm') }} as rfm on from_events.one_id = rfm.one_id
where
    from_events.one_id is distinct from rfm.one_id
    or from_events.orders != rfm.orders
    or from_events.gross_revenue != rfm.gross_revenue
    or from_events.last_purchase_date != rfm.last_purchase_date
