with source as (

    select * from {{ source('crm', 'members') }}

),

final as (

    select
        {{ normalize_identifier("'member_id'", 'member_id') }} as member_id,
        {{ normalize_identifier("'mobile_hash'", 'mobile_hash') }} as mobile_hash,
        {{ normalize_identifier("'email_hash'", 'email_hash') }} as email_hash,
        {{ normalize_identifier("'retail_customer_id'", 'retail_customer_id') }}
            as retail_customer_id,
        nullif(trim(real_name), '') as real_name,
        nullif(trim(gender), '') as gender,
        birthday,
        register_date,
        lower(nullif(trim(channel), '')) as register_channel,
        lower(nullif(trim(level), '')) as level,
        total_points,
        cast(updated_at as timestamp) as updated_at,
        coalesce(is_deleted, false) as is_deleted,
        cast(_loaded_at as timestamp) as loaded_at,
        _file as source_file,
        _line as source_line
    from source

)

select * from final
