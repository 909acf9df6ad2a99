-- All tags of each customer, as (tag, customer). RFM segments of the threshold rules keep their
-- plain names; every other family has its prefix, since the families use the same words ("At Risk"
-- is a segment, a grid cell and a recency band). To add a family, see CONTRIBUTING.md.

{{ config(materialized='table') }}

with profiles as (

    select * from {{ ref('customer_profiles') }}

),

behaviour_tags as (

    select * from {{ ref('int_audiences__behaviour_tags') }}

),

unified_events as (

    select * from {{ ref('unified_events') }}
    where event_date <= {{ as_of_date() }}

),

memberships as (

    select
        'all_customers' as segment_tag,
        'all' as tag_family,
        one_id
    from profiles
    union all
    select
        rfm_segment as segment_tag,
        'rfm_segment' as tag_family,
        one_id
    from profiles
    {%- for family in ['grid', 'recency', 'frequency', 'monetary', 'engagement'] %}
    union all
    select
        {{ tag_name(family, family ~ '_segment') }} as segment_tag,
        '{{ family }}' as tag_family,
        one_id
    from profiles
    {%- endfor %}
    {%- for family in ['country', 'level'] %}
    union all
    select
        {{ tag_name(family, family) }} as segment_tag,
        '{{ family }}' as tag_family,
        one_id
    from profiles
    where {{ family }} is not null
    {%- endfor %}
    union all
    -- A channel's customers are those who bought in it.
    select distinct
        {{ tag_name('channel', 'channel') }} as segment_tag,
        'channel' as tag_family,
        one_id
    from unified_events
    where one_id is not null and event_type = 'purchase'
    union all
    select
        segment_tag,
        'behaviour' as tag_family,
        one_id
    from behaviour_tags

),

final as (

    select
        memberships.segment_tag,
        memberships.tag_family,
        profiles.one_int
    from memberships
    inner join profiles on memberships.one_id = profiles.one_id

)

select * from final
