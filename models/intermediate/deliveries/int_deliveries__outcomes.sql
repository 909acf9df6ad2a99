-- What the members of each audience and arm bought in the days after they were delivered.

{%- set days = var('audience_outcome_days') | int %}

with exposures as (

    select * from {{ ref('int_deliveries__exposures') }}

),

purchases as (

    select * from {{ ref('unified_events') }}
    where
        event_type = 'purchase'
        and event_date <= {{ as_of_date() }}
        and event_time >= (select min(exposures.counts_from) from exposures)

),

customers as (

    select
        exposures.package_id,
        exposures.one_id,
        exposures.arm,
        exposures.measured_from,
        exposures.counts_from + interval '{{ days }}' day
        > {{ as_of_date() }} + interval '1' day as is_open,
        count(purchases.event_id) > 0 as is_converted,
        count(distinct coalesce(purchases.order_id, purchases.event_id)) as orders,
        coalesce(sum(purchases.revenue), 0) as revenue
    from exposures
    left join purchases
        on
            exposures.one_id = purchases.one_id
            and exposures.counts_from <= purchases.event_time
            and exposures.counts_from + interval '{{ days }}' day > purchases.event_time
    group by all

),

final as (

    select
        package_id,
        arm,
        max(measured_from) as measured_from,
        count(*) as customer_count,
        count(case when is_open then 1 end) as open_count,
        count(case when is_converted then 1 end) as converted_count,
        cast(sum(orders) as bigint) as order_count,
        cast(sum(revenue) as decimal(18, 4)) as revenue
    from customers
    group by package_id, arm

)

select * from final
