-- What was known of each buyer on the as-of date, and 90 and 180 days before it, and what the next
-- 90 days brought: a model learns from the oldest, is tested on the middle and applied to the
-- newest.
-- Only what happened by then counts, though by whom is known from today's ID map.

with orders as (

    select * from {{ ref('int_customers__orders') }}
    where one_id is not null

),

sessions as (

    select * from {{ ref('int_customers__sessions') }}

),

dates as (

    {%- for days in [0, 90, 180] %}
    select
        cast({{ dbt.dateadd('day', -days, as_of_date()) }} as date) as seen_on,
        cast({{ dbt.dateadd('day', -days - 90, as_of_date()) }} as date) as recent_from,
        cast({{ dbt.dateadd('day', 90 - days, as_of_date()) }} as date) as next_until
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

-- Without an order of its own by then: what a session over midnight led to on the next day is not
-- known yet, and what was bought elsewhere meanwhile, such as at a till, is no purchase of it.
visits as (

    select
        sessions.one_id,
        dates.seen_on,
        count(*) as recent_visits
    from sessions
    inner join dates
        on
            cast(sessions.started_at as date) > dates.recent_from
            and cast(sessions.started_at as date) <= dates.seen_on
    left join orders
        on
            case when sessions.is_converted then sessions.one_id end = orders.one_id
            and sessions.started_at <= orders.ordered_at
            and sessions.ended_at >= orders.ordered_at
            and dates.seen_on >= orders.order_date
    where orders.one_id is null
    group by sessions.one_id, dates.seen_on

),

dated as (

    select
        orders.one_id,
        orders.order_date,
        orders.revenue,
        dates.seen_on,
        orders.order_date <= dates.seen_on as is_known,
        orders.order_date <= dates.seen_on and orders.order_date > dates.recent_from as is_recent,
        orders.order_date > dates.seen_on and orders.order_date <= dates.next_until as is_next
    from orders
    cross join dates

),

buyers as (

    select
        one_id,
        seen_on,
        min(order_date) as first_purchase_date,
        max(case when is_known then order_date end) as last_purchase_date,
        count(distinct case when is_known then order_date end) as purchase_days,
        sum(case when is_known then revenue end) as revenue,
        count(case when is_recent then 1 end) as recent_orders,
        count(distinct case when is_next then order_date end) as next_purchase_days,
        coalesce(sum(case when is_next then revenue end), 0) as next_revenue
    from dated
    group by one_id, seen_on
    having bool_or(is_known)

),

final as (

    select
        buyers.one_id,
        buyers.seen_on,
        {{ dbt.datediff('buyers.last_purchase_date', 'buyers.seen_on', 'day') }} -- noqa: LT05
            as recency_days,
        {{ dbt.datediff('buyers.first_purchase_date', 'buyers.seen_on', 'day') }} -- noqa: LT05
            as age_days,
        buyers.purchase_days,
        buyers.revenue,
        buyers.recent_orders,
        coalesce(visits.recent_visits, 0) as recent_visits,
        buyers.next_purchase_days,
        buyers.next_revenue
    from buyers
    left join visits on buyers.one_id = visits.one_id and buyers.seen_on = visits.seen_on

)

select * from final
