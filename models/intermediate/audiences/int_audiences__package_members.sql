-- The members of every package. What must exclude customers whatever a rule says, such as missing
-- consent, is the last step here: bitmaps and references between audiences have all whom rules
-- select.

{{ config(materialized='table') }}

with packages as (

    select * from {{ ref('int_audiences__packages') }}
    where error is null

),

final as (

    select
        package_id,
        cast(unnest(bitmap_to_array(user_bitmap)) as bigint) as one_int
    from packages

)

select * from final
