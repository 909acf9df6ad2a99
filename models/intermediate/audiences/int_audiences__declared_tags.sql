-- Tags that are valid in a rule even if no customer has them today, such as "Champions". Tags of a
-- country or level are not declared: without customers they are unknown.

with rfm_segment_rules as (

    select * from {{ ref('rfm_segment_rules') }}

),

rfm_grid_segments as (

    select * from {{ ref('rfm_grid_segments') }}

),

value_bands as (

    select * from {{ ref('value_bands') }}

),

channels as (

    select * from {{ ref('channels') }}

),

tags as (

    select * from {{ ref('tags') }}

),

declared as (

    select 'all_customers' as segment_tag
    union all
    select 'Never purchased' as segment_tag
    union all
    select rfm_segment as segment_tag
    from rfm_segment_rules
    union all
    select {{ tag_name('grid', 'grid_segment') }} as segment_tag
    from rfm_grid_segments
    union all
    select {{ tag_name("' || dimension || '", 'band') }} as segment_tag
    from value_bands
    union all
    select {{ tag_name('channel', 'channel') }} as segment_tag
    from channels
    union all
    select segment_tag
    from tags

),

final as (

    select distinct segment_tag from declared

)

select * from final
