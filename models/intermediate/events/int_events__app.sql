with stg_app__events as (

    select * from {{ ref('stg_app__events') }}

),

valid_ids as (

    select
        *,
        {{ unless_blocklisted('union_id', 'union_id') }} as valid_union_id,
        {{ unless_blocklisted('open_id', 'open_id') }} as valid_open_id,
        {{ unless_blocklisted('device_id', 'device_id') }} as valid_device_id,
        case
            when event_type in ('refund', 'return') then 'return'
            else event_type
        end as unified_event_type
    from stg_app__events

),

final as (

    select
        event_id,
        'app' as source_name,
        case
            when valid_union_id is not null then 'union_id'
            when valid_open_id is not null then 'open_id'
            when valid_device_id is not null then 'device_id'
        end as id_type,
        coalesce(valid_union_id, valid_open_id, valid_device_id) as id_value,
        unified_event_type as event_type,
        coalesce(channel, 'app') as channel,
        platform,
        item_id,
        item_price,
        case
            when unified_event_type = 'purchase' then 1
            when unified_event_type = 'return' then -1
        end as quantity,
        -- Nothing but a purchase or a return moves money, whatever price the event shows.
        cast(
            case
                when unified_event_type = 'purchase' then coalesce(item_price, 0)
                when unified_event_type = 'return' then -abs(coalesce(item_price, 0))
                else 0
            end as decimal(18, 4)
        ) as revenue,
        event_time,
        session_id,
        cast(null as varchar) as order_id,
        cast(null as varchar) as country,
        false as is_withdrawn,
        loaded_at
    from valid_ids

)

select * from final
