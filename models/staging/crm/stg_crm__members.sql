with source as (

    select * from {{ source('crm', 'members') }}

),

final as (

    select
        {{ staged_identifiers('stg_crm__members') }}
        nullif(trim(real_name), '') as real_name,
        nullif(trim(gender), '') as gender,
        birthday,
        register_date,
        lower(nullif(trim(channel), '')) as register_channel,
        lower(nullif(trim(level), '')) as level,
        total_points,
        cast(updated_at as timestamp) as updated_at,
        coalesce(is_deleted, false) as is_deleted,
        _loaded_at as loaded_at,
        _file as source_file,
        _line as source_line
    from source

)

select * from final
