with source as (

    select * from {{ source('web', 'events') }}

),

final as (

    select
        trim(event_id) as event_id,
        {{ staged_identifiers('stg_web__events') }}
        lower(trim(event_type)) as event_type,
        nullif(trim(page_url), '') as page_url,
        cast(event_time as timestamp) as event_time,
        nullif(trim(session_id), '') as session_id,
        _loaded_at as loaded_at,
        _file as source_file,
        _line as source_line
    from source

)

select * from final
