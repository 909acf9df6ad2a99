-- A bitmap holds as many customers as its tag has distinct members, and no tag lacks its bitmap.

{{ config(meta={'checked': 'weekly'}) }}

with memberships as (

    select
        segment_tag,
        count(distinct one_int) as member_count
    from {{ ref('int_audiences__memberships') }}
    group by segment_tag

)

select
    memberships.segment_tag as member_tag,
    bitmaps.segment_tag as bitmap_tag,
    memberships.member_count,
    bitmaps.user_count
from memberships
full outer join {{ ref('audience_bitmaps') }} as bitmaps
    on memberships.segment_tag = bitmaps.segment_tag
where
    bitmaps.segment_tag is null
    or coalesce(memberships.member_count, 0) != bitmaps.user_count
