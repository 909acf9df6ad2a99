with source as (

    select * from {{ source('app', 'events') }}

),

final as (

    select
        trim(event_id) as event_id,
        {{ staged_identifiers('stg_app__events') }}
        lower(trim(event_type)) as event_type,
        nullif(trim(page_name), '') as page_name,
        nullif(trim(item_id), '') as item_id,
        cast(item_price as decimal(18, 4)) as item_price,
        lower(nullif(trim(channel), '')) as channel,
        lower(nullif(trim(platform), '')) as platform,
        cast(event_time as timestamp) as event_time,
        nullif(trim(session_id), '') as session_id,
        _loaded_at as loaded_at,
        _file as source_file,
        _line as source_line
    from source

)

select * from final
