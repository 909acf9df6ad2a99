-- A bitmap holds as many customers as have its tag, counted here in plain SQL, and no tag lacks its
-- bitmap.

{{ config(meta={'checked': 'weekly'}) }}

with customers as (

    select * from {{ ref('int_customers__customers') }}

),

behaviour_tags as (

    select * from {{ ref('int_audiences__behaviour_tags') }}

),

selected_events as (

    select * from {{ ref('int_audiences__selected_events') }}

),

counted as (

    select
        tags.segment_tag,
        events.one_id,
        count(distinct events.order_id) + count(*) - count(events.order_id) as order_count,
        sum(events.revenue) as revenue
    from behaviour_tags as tags
    inner join selected_events as events
        on
            tags.selection_number = events.selection_number
            and (
                tags.window_days is null
                or {{ dbt.datediff('events.event_date', as_of_date(), 'day') }}
                < tags.window_days
            )
    group by tags.segment_tag, events.one_id

),

behaviour as (

    select
        tags.segment_tag,
        count(*) as member_count
    from behaviour_tags as tags
    cross join customers
    left join counted
        on tags.segment_tag = counted.segment_tag and customers.one_id = counted.one_id
    where
        coalesce(counted.order_count, 0) >= coalesce(tags.min_count, 0)
        and (tags.max_count is null or coalesce(counted.order_count, 0) <= tags.max_count)
        and (tags.min_revenue is null or coalesce(counted.revenue, 0) >= tags.min_revenue)
        and (tags.max_revenue is null or coalesce(counted.revenue, 0) <= tags.max_revenue)
    group by tags.segment_tag

),

profiles as (

    {%- for family, column in tag_families().items() %}
    select
        tag_values.segment_tag,
        count(*) as member_count
    from {{ ref('customer_profiles') }} as profiles
    inner join {{ ref('int_audiences__tag_values') }} as tag_values
        on profiles.{{ column }} = tag_values.tag_value and tag_values.tag_family = '{{ family }}'
    group by tag_values.segment_tag
    {{- ' union all' if not loop.last }}
    {%- endfor %}

),

members as (

    select
        tags.segment_tag,
        count(distinct tag_members.one_int) as member_count
    from {{ ref('int_audiences__tag_members') }} as tag_members
    inner join {{ ref('int_audiences__tags') }} as tags
        on tag_members.tag_number = tags.tag_number
    group by tags.segment_tag

),

expected as (

    select * from behaviour
    union all
    select * from profiles
    union all
    select * from members

),

summed as (

    select
        segment_tag,
        sum(member_count) as member_count
    from expected
    group by segment_tag

)

select
    summed.segment_tag as member_tag,
    bitmaps.segment_tag as bitmap_tag,
    summed.member_count,
    bitmaps.user_count
from summed
full outer join {{ ref('audience_bitmaps') }} as bitmaps
    on summed.segment_tag = bitmaps.segment_tag
where
    (bitmaps.tag_family is null or bitmaps.tag_family not in ('all', 'audience'))
    and (
        bitmaps.segment_tag is null
        or coalesce(summed.member_count, 0) != bitmaps.user_count
    )
