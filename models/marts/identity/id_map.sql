{{ config(materialized='view') }}

with map as (

    select * from {{ ref('int_identity__map') }}

),

final as (

    select
        one_id,
        one_int,
        id_type,
        id_value,
        source_channel,
        confidence,
        first_seen,
        last_seen,
        is_active
    from map

)

select * from final
