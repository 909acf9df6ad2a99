-- A table rebuilt each day: it reads four columns of one row per order.

{{ config(materialized='table') }}

with orders as (

    select
        one_id,
        revenue,
        cast({{ dbt.date_trunc('month', 'order_date') }} as date) as month
    from {{ ref('int_customers__orders') }}
    where one_id is not null

),

months as (

    select date_day as month from {{ ref('int_events__days') }}
    where
        date_day = {{ dbt.date_trunc('month', 'date_day') }}
        and date_day <= {{ as_of_date() }}

),

buyers as (

    select
        one_id,
        min(month) as cohort_month
    from orders
    group by one_id

),

cohorts as (

    select
        cohort_month,
        count(*) as cohort_customers
    from buyers
    group by cohort_month

),

bought as (

    select
        buyers.cohort_month,
        orders.month,
        count(distinct orders.one_id) as customers,
        count(*) as orders,
        sum(orders.revenue) as revenue
    from orders
    inner join buyers on orders.one_id = buyers.one_id
    group by buyers.cohort_month, orders.month

),

final as (

    select
        cohorts.cohort_month,
        cast(
            {{ dbt.datediff('cohorts.cohort_month', 'months.month', 'month') }} as integer -- noqa: LT05
        ) as months_since,
        months.month,
        cohorts.cohort_customers,
        coalesce(bought.customers, 0) as customers,
        coalesce(bought.orders, 0) as orders,
        cast(coalesce(bought.revenue, 0) as decimal(18, 4)) as revenue,
        round(coalesce(bought.customers, 0) / cast(cohorts.cohort_customers as double), 6)
            as retention
    from cohorts
    inner join months on cohorts.cohort_month <= months.month
    left join bought
        on cohorts.cohort_month = bought.cohort_month and months.month = bought.month

)

select * from final
