-- Ends with an error that names the line of the seed, the column and the value to fix. Values that
-- are no numbers are refused when the seed is loaded.

{{ config(meta={'checked': 'weekly'}) }}

with behaviour_tags as (

    select * from {{ ref('int_audiences__behaviour_tags') }}

),

segments as (

    select rfm_segment as segment_tag from {{ ref('rfm_segment_rules') }}
    union
    select 'Never purchased' as segment_tag
    union
    select 'all_customers' as segment_tag

),

problems as (

    select
        behaviour_tags.segment_tag,
        case
            when behaviour_tags.segment_tag is null
                then 'segment_tag is empty'
            when segments.segment_tag is not null
                then 'segment_tag ' || behaviour_tags.segment_tag || ' is the name of a segment'
            when behaviour_tags.segment_tag like 'audience:%'
                then 'segment_tag ' || behaviour_tags.segment_tag
                    || ' begins with audience:, which refers to audiences'
            when count(*) over (partition by behaviour_tags.segment_tag) > 1
                then 'segment_tag ' || behaviour_tags.segment_tag || ' is there twice'
            when event_type is null
                then 'event_type is empty'
            when window_days < 1
                then 'window_days ' || window_days || ' must be at least 1, or empty for ever'
            when min_count < 0
                then 'min_count ' || min_count || ' must not be negative'
            when max_count < min_count
                then 'max_count ' || max_count || ' is less than min_count ' || min_count
            when max_count < 0
                then 'max_count ' || max_count || ' must not be negative'
            when max_revenue < min_revenue
                then 'max_revenue ' || max_revenue || ' is less than min_revenue ' || min_revenue
            when then_event_type is not null and within_days is null
                then 'within_days is empty; then_event_type ' || then_event_type || ' needs it'
            when then_event_type is null and within_days is not null
                then 'within_days ' || within_days || ' needs then_event_type'
            when within_days < 1
                then 'within_days ' || within_days || ' must be at least 1'
            when
                min_count is null and max_count is null
                and min_revenue is null and max_revenue is null
                then 'min_count, max_count, min_revenue and max_revenue are empty: the tag'
                    || ' would have all customers'
        end as problem
    from behaviour_tags
    left join segments on behaviour_tags.segment_tag = segments.segment_tag

)

select segment_tag
from problems
where
    problem is not null
    and {{ stop_with("'seeds/tags.csv, tag ' || coalesce(segment_tag, '(none)') || ': ' || problem") }}
