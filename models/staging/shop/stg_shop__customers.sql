with source as (

    select * from {{ source('shop', 'customers') }}

),

final as (

    select
        {{ staged_identifiers('stg_shop__customers') }}
        nullif(trim(first_name), '') as first_name,
        nullif(trim(last_name), '') as last_name,
        nullif(trim(country), '') as country,
        cast(signup_date as timestamp) as signed_up_at,
        cast(updated_at as timestamp) as updated_at,
        coalesce(is_deleted, false) as is_deleted,
        _loaded_at as loaded_at,
        _file as source_file,
        _line as source_line
    from source

)

select * from final
