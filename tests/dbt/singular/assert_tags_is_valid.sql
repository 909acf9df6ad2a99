-- Ends with an error that names the line of the seed, the column and the value to fix. A value that
-- is no number is refused when the seed is loaded.

{{ config(meta={'checked': 'weekly'}) }}

with tags as (

    select
        segment_tag,
        event_type,
        window_days,
        min_count,
        max_count,
        min_revenue,
        max_revenue,
        {{ later_tag_columns() }}
    from {{ ref('tags') }}

),

reserved as (

    select rfm_segment as segment_tag from {{ ref('rfm_segment_rules') }}
    union
    select 'Never purchased' as segment_tag
    union
    select 'all_customers' as segment_tag

),

compared as (

    select
        *,
        count(*) over (partition by segment_tag) as rows_of_tag,
        segment_tag in (select reserved.segment_tag from reserved) as is_reserved,
        coalesce(min_count, max_count) is null
        and coalesce(min_revenue, max_revenue) is null as has_no_limit
    from tags

),

problems as (

    select
        {{ seed_line('tags', [
            'segment_tag', 'event_type', 'window_days', 'min_count', 'max_count', 'min_revenue',
            'max_revenue', 'channel', 'item_id', 'then_event_type', 'within_days',
        ]) }} as seed_line,
        case
            when segment_tag is null
                then 'segment_tag is empty'
            when is_reserved
                then 'segment_tag ' || segment_tag || ' is the name of a segment'
            when segment_tag like 'audience:%'
                then 'segment_tag ' || segment_tag || ' begins with audience:, as audiences do'
            when rows_of_tag > 1
                then 'segment_tag ' || segment_tag || ' is there twice'
            when event_type is null
                then 'event_type is empty'
            when window_days < 1
                then 'window_days ' || window_days || ' must be at least 1, or empty for ever'
            when min_count < 0
                then 'min_count ' || min_count || ' must not be negative'
            when max_count < coalesce(min_count, 0)
                then 'max_count ' || max_count || ' is less than min_count'
            when max_revenue < min_revenue
                then 'max_revenue ' || max_revenue || ' is less than min_revenue'
            when has_no_limit
                then 'min_count, max_count, min_revenue and max_revenue are empty: the tag would'
                    || ' have all customers'
            when then_event_type is not null and within_days is null
                then 'within_days is empty; then_event_type needs it'
            when then_event_type is null and within_days is not null
                then 'within_days ' || within_days || ' needs then_event_type'
            when within_days < 1
                then 'within_days ' || within_days || ' must be at least 1'
        end as problem
    from compared

)

select seed_line
from problems
where problem is not null and {{ stop_with("seed_line || ': ' || problem") }}
