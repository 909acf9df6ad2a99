{{ config(materialized='view') }}

with resolved as (

    select * from {{ ref('int_events__resolved') }}
    where not is_withdrawn

),

final as (

    select
        event_id,
        one_id,
        event_type,
        channel,
        platform,
        item_id,
        item_price,
        quantity,
        revenue,
        event_time,
        event_date,
        session_id,
        page,
        order_id
    from resolved

)

select * from final
