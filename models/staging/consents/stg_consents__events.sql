with source as (

    select * from {{ source('consents', 'events') }}

),

typed as (

    select
        *,
        lower(trim(id_type)) as identifier_type
    from source

),

final as (

    select
        {{ dbt_utils.generate_surrogate_key(
            ['id_type', 'id_value', 'purpose', 'status', 'event_time']
        ) }} as consent_id,
        identifier_type as id_type,
        {{ normalize_identifier('identifier_type', 'id_value') }} as id_value,
        lower(trim(purpose)) as purpose,
        lower(trim(status)) as status,
        cast(event_time as timestamp) as event_time,
        lower(nullif(trim(channel), '')) as channel,
        _loaded_at as loaded_at,
        _file as source_file,
        _line as source_line
    from typed

)

select * from final
