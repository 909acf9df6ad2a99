with stg_email__events as (

    select * from {{ ref('stg_email__events') }}

),

blocked_identifiers as (

    select * from {{ ref('int_identity__blocked_identifiers') }}

),

typed as (

    select
        events.*,
        {{ event_id_column('stg_email__events', 'events') }} as id_column
    from stg_email__events as events

),

final as (

    select
        'email:' || event_id as event_id,
        'email' as source_name,
        {{ event_identifier('stg_email__events') }}
        'email_' || event_type as event_type,
        {{ row_sources()['email']['channel'] }} as channel,
        cast(null as string) as platform,
        campaign_id as item_id,
        cast(null as decimal(18, 4)) as item_price,
        cast(null as bigint) as quantity,
        cast(0 as decimal(18, 4)) as revenue,
        event_time,
        cast(null as string) as session_id,
        cast(null as string) as order_id,
        cast(null as string) as country,
        false as is_withdrawn,
        loaded_at
    from typed

)

select * from final
