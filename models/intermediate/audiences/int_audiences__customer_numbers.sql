-- The numbers of each customer that rules can compare, as `monetary >= 250`. A column added here is
-- a number: an integer or a decimal, cast if it is a float; null where there is no value.

with profiles as (

    select * from {{ ref('customer_profiles') }}

),

rfm as (

    select * from {{ ref('int_customers__rfm') }}

),

final as (

    select
        profiles.one_int,
        cast(coalesce(rfm.monetary, 0) as decimal(18, 4)) as monetary,
        profiles.total_orders as orders,
        rfm.recency_days as recency,
        profiles.total_points as points,
        profiles.page_views,
        profiles.email_opens,
        profiles.email_clicks,
        cast(profiles.is_email_opted_out as integer) as email_opted_out,
        cast(profiles.has_open_ticket as integer) as open_ticket,
        profiles.tickets_90_days,
        {{ dbt.datediff('profiles.register_date', as_of_date(), 'day') }} -- noqa: LT05
            as days_since_sign_up
    from profiles
    left join rfm on profiles.one_id = rfm.one_id

)

select * from final
