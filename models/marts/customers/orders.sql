{{ config(materialized='view') }}

with orders as (

    select * from {{ ref('int_customers__orders') }}

),

final as (

    select
        order_key,
        order_id,
        one_id,
        ordered_at,
        order_date,
        order_number,
        channel,
        first_touch_channel,
        last_touch_channel,
        purchases,
        items,
        revenue
    from orders

)

select * from final
