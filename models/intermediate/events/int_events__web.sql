with stg_web__events as (

    select * from {{ ref('stg_web__events') }}

),

blocked_identifiers as (

    select * from {{ ref('int_identity__blocked_identifiers') }}

),

typed as (

    select
        events.*,
        {{ event_id_column('stg_web__events', 'events') }} as id_column,
        case
            -- As the usual tools call it.
            when events.event_type in ('page', 'page view', 'pageview', '$pageview')
                then 'page_view'
            -- The shop's transactions say what was bought; counted here, it would count twice.
            when events.event_type in ('purchase', 'return', 'refund', 'adjustment')
                then 'web_' || events.event_type
            else events.event_type
        end as unified_event_type
    from stg_web__events as events

),

final as (

    select
        'web:' || event_id as event_id,
        'web' as source_name,
        {{ event_identifier('stg_web__events') }}
        unified_event_type as event_type,
        {{ row_sources()['web']['channel'] }} as channel,
        cast(null as string) as platform,
        cast(null as string) as item_id,
        cast(null as decimal(18, 4)) as item_price,
        cast(null as bigint) as quantity,
        cast(0 as decimal(18, 4)) as revenue,
        event_time,
        session_id,
        cast(null as string) as order_id,
        cast(null as string) as country,
        false as is_withdrawn,
        loaded_at
    from typed

)

select * from final
