-- The values of customer_profiles and the channels of purchases that are tags. Segments, bands and
-- the channels of the seed are valid in a rule even if no customer has them today, such as
-- "Champions"; a country or level without customers is unknown.

{{ config(materialized='table') }}

with profiles as (

    select * from {{ ref('customer_profiles') }}

),

unified_events as (

    select * from {{ ref('unified_events') }}
    where event_type = 'purchase' and event_date <= {{ as_of_date() }}

),

rfm_segment_rules as (

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

tag_values as (

    {%- for family, column in tag_families().items() %}
    select
        '{{ family }}' as tag_family,
        {{ column }} as tag_value
    from profiles
    union
    {%- endfor %}
    select
        'channel' as tag_family,
        channel as tag_value
    from unified_events
    union
    select
        'channel' as tag_family,
        channel as tag_value
    from channels
    union
    select
        'rfm_segment' as tag_family,
        'Never purchased' as tag_value
    union
    select
        'rfm_segment' as tag_family,
        rfm_segment as tag_value
    from rfm_segment_rules
    union
    select
        'grid' as tag_family,
        grid_segment as tag_value
    from rfm_grid_segments
    union
    select
        dimension as tag_family,
        band as tag_value
    from value_bands

),

final as (

    select
        tag_family,
        tag_value,
        case
            when tag_family = 'rfm_segment' then tag_value
            else {{ tag_name("' || tag_family || '", 'tag_value') }}
        end as segment_tag
    from tag_values
    where tag_value is not null

)

select * from final
