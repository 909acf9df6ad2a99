-- A rule of seeds/tags.csv counts orders (an event without an order is one of its own) and sums
-- revenue. "At most" counts those who did nothing, too: never_bought is a purchase at most 0 times.

with customers as (

    select * from {{ ref('int_customers__customers') }}

),

unified_events as (

    select * from {{ ref('unified_events') }}
    where one_id is not null and event_date <= {{ as_of_date() }}

),

tags as (

    select * from {{ ref('tags') }}

),

counted as (

    select
        tags.segment_tag,
        events.one_id,
        count(distinct coalesce(events.order_id, events.event_id)) as order_count,
        sum(events.revenue) as revenue
    from tags
    inner join unified_events as events
        on
            tags.event_type = events.event_type
            and (
                tags.window_days is null
                or {{ dbt.datediff('events.event_date', as_of_date(), 'day') }}
                < tags.window_days
            )
    group by tags.segment_tag, events.one_id

),

final as (

    select
        tags.segment_tag,
        customers.one_id
    from tags
    cross join customers
    left join counted
        on tags.segment_tag = counted.segment_tag and customers.one_id = counted.one_id
    where
        coalesce(counted.order_count, 0) >= coalesce(tags.min_count, 0)
        and (tags.max_count is null or coalesce(counted.order_count, 0) <= tags.max_count)
        and (tags.min_revenue is null or coalesce(counted.revenue, 0) >= tags.min_revenue)
        and (tags.max_revenue is null or coalesce(counted.revenue, 0) <= tags.max_revenue)

)

select * from final
