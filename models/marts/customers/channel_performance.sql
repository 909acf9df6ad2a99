-- A table rebuilt each day: it reads six columns of one row per order.

{{ config(materialized='table') }}

with orders as (

    select
        *,
        cast({{ dbt.date_trunc('month', 'order_date') }} as date) as month
    from {{ ref('int_customers__orders') }}

),

totals as (

    select
        channel,
        month,
        count(distinct one_id) as customers,
        count(distinct case when order_number > 1 then one_id end) as repeat_customers,
        sum(purchases) as purchases,
        count(*) as orders,
        sum(revenue) as revenue
    from orders
    group by channel, month

),

final as (

    select
        channel,
        month,
        customers,
        repeat_customers,
        cast(purchases as bigint) as purchases,
        orders,
        cast(revenue as decimal(18, 4)) as revenue,
        cast(revenue / orders as decimal(18, 4)) as average_order_value,
        round(repeat_customers / cast(nullif(customers, 0) as double), 6) as repeat_rate
    from totals

)

select * from final
