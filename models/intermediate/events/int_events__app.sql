with stg_app__events as (

    select * from {{ ref('stg_app__events') }}

),

blocked_identifiers as (

    select * from {{ ref('int_identity__blocked_identifiers') }}

),

typed as (

    select
        events.*,
        {{ event_id_column('stg_app__events', 'events') }} as id_column,
        case
            when events.event_type in ('refund', 'return') then 'return'
            else events.event_type
        end as unified_event_type
    from stg_app__events as events

),

final as (

    select
        event_id,
        'app' as source_name,
        {{ event_identifier('stg_app__events') }}
        unified_event_type as event_type,
        {{ row_sources()['app']['channel'] }} as channel,
        platform,
        item_id,
        item_price,
        case
            when unified_event_type = 'purchase' then 1
            when unified_event_type = 'return' then -1
        end as quantity,
        -- Only purchases and returns move money, whatever price the event shows.
        cast(
            case
                when unified_event_type = 'purchase' then coalesce(item_price, 0)
                when unified_event_type = 'return' then -abs(coalesce(item_price, 0))
                else 0
            end as decimal(18, 4)
        ) as revenue,
        event_time,
        session_id,
        page_name as page,
        cast(null as string) as order_id,
        cast(null as string) as country,
        false as is_withdrawn,
        loaded_at
    from typed

)

select * from final
