{{ config(materialized='table') }}

with bitmaps as (

    select * from {{ ref('int_audiences__bitmaps') }}

),

final as (

    select
        segment_tag,
        user_bitmap,
        user_count
    from bitmaps

)

select * from final
