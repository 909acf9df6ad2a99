with source as (

    select * from {{ source('email', 'events') }}

),

final as (

    select
        trim(event_id) as event_id,
        {{ staged_identifiers('stg_email__events') }}
        lower(trim(event_type)) as event_type,
        nullif(trim(campaign_id), '') as campaign_id,
        cast(event_time as timestamp) as event_time,
        _loaded_at as loaded_at,
        _file as source_file,
        _line as source_line
    from source

)

select * from final
