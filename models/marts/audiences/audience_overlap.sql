{{ config(materialized='table') }}

with compared as (

    select * from {{ ref('int_audiences__overlaps') }}

),

final as (

    select
        segment_tag,
        other_tag,
        user_count,
        other_count,
        both_count,
        either_count,
        jaccard,
        lift
    from compared

)

select * from final
