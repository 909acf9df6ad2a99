{{ config(materialized='view') }}

with rfm as (

    select * from {{ ref('int_customers__rfm') }}

),

final as (

    select
        one_id,
        as_of_date,
        recency_days,
        frequency,
        monetary,
        first_purchase_date,
        last_purchase_date,
        orders,
        purchase_days,
        gross_revenue,
        returned_revenue,
        net_revenue
    from rfm

)

select * from final
