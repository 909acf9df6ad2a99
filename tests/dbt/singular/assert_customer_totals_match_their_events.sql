-- What the incremental customers hold equals a count of all their events up to the as-of date,
-- buyers or not.

{{ config(meta={'checked': 'weekly'}) }}

with events as (

    select
        *,
        event_date <= {{ as_of_date() }} as is_counted
    from {{ ref('unified_events') }}
    where one_id is not null

),

from_events as (

    select
        one_id,
        count(*) as event_count,
        count(case when is_counted and event_type = 'page_view' then 1 end) as page_views,
        count(
            distinct case
                when is_counted and event_type = 'purchase' then coalesce(order_id, event_id)
            end
        ) as orders,
        coalesce(sum(case when is_counted and event_type = 'purchase' then revenue end), 0)
            as gross_revenue,
        coalesce(-sum(case when is_counted and event_type = 'return' then revenue end), 0)
            as returned_revenue,
        max(case when is_counted and event_type = 'purchase' then event_date end)
            as last_purchase_date,
        max(case when is_counted and {{ is_customer_act('event_type') }} then event_date end)
            as last_session_date,
        count(case when is_counted and event_type = 'email_open' then 1 end) as email_opens,
        max(case when is_counted and event_type = 'ticket_created' then event_time end)
            as last_ticket_at
    from events
    group by one_id

)

select
    from_events.one_id as event_one_id,
    activity.one_id as activity_one_id,
    from_events.event_count,
    activity.event_count as activity_event_count
from from_events
full outer join {{ ref('int_customers__activity') }} as activity
    on from_events.one_id = activity.one_id
left join {{ ref('int_customers__engagement') }} as engagement
    on from_events.one_id = engagement.one_id
where
    from_events.one_id is distinct from activity.one_id
    or from_events.event_count != activity.event_count
    or from_events.page_views != activity.page_views
    or from_events.orders != activity.orders
    or from_events.gross_revenue != activity.gross_revenue
    or from_events.returned_revenue != activity.returned_revenue
    or from_events.last_purchase_date is distinct from activity.last_purchase_date
    or from_events.last_session_date is distinct from engagement.last_session_date
    or from_events.email_opens != coalesce(engagement.email_opens, 0)
    or from_events.last_ticket_at is distinct from engagement.last_ticket_at
