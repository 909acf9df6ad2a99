{{ config(materialized='table') }}

with number_slices as (

    select * from {{ ref('int_audiences__number_slices') }}

),

final as (

    select
        number_name,
        slice,
        decimals,
        base,
        user_bitmap,
        user_count
    from number_slices

)

select * from final
