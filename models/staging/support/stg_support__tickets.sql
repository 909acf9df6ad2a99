with source as (

    select * from {{ source('support', 'tickets') }}

),

final as (

    select
        trim(ticket_id) as ticket_id,
        {{ staged_identifiers('stg_support__tickets') }}
        lower(nullif(trim(status), '')) as status,
        lower(nullif(trim(priority), '')) as priority,
        cast(created_at as timestamp) as created_at,
        cast(updated_at as timestamp) as updated_at,
        cast(solved_at as timestamp) as solved_at,
        coalesce(is_deleted, false) as is_deleted,
        _loaded_at as loaded_at,
        _file as source_file,
        _line as source_line
    from source

)

select * from final
