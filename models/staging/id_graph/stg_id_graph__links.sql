with source as (

    select * from {{ source('id_graph', 'links') }}

),

typed as (

    select
        *,
        lower(trim(left_id_type)) as left_type,
        lower(trim(right_id_type)) as right_type
    from source

),

final as (

    select
        {{ dbt_utils.generate_surrogate_key(
            ['left_id_type', 'left_id_value', 'right_id_type', 'right_id_value']
        ) }} as link_id,
        left_type as left_id_type,
        {{ normalize_identifier('left_type', 'left_id_value') }} as left_id_value,
        right_type as right_id_type,
        {{ normalize_identifier('right_type', 'right_id_value') }} as right_id_value,
        lower(nullif(trim(source_channel), '')) as source_channel,
        confidence,
        cast(first_seen as timestamp) as first_seen,
        cast(last_seen as timestamp) as last_seen,
        is_active,
        _loaded_at as loaded_at,
        _file as source_file,
        _line as source_line
    from typed

)

select * from final
