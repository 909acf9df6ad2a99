-- The customers of channels, which are those who bought in them, and of the tags that a model
-- selects (tags/).

with customers as (

    select * from {{ ref('int_customers__customers') }}

),

unified_events as (

    select * from {{ ref('unified_events') }}
    where event_type = 'purchase' and one_id is not null and event_date <= {{ as_of_date() }}

),

tag_values as (

    select * from {{ ref('int_audiences__tag_values') }}
    where tag_family = 'channel'

),

tags as (

    select * from {{ ref('int_audiences__tags') }}

),

members as (

    select distinct
        unified_events.one_id,
        tag_values.segment_tag,
        'channel' as tag_family
    from unified_events
    inner join tag_values on unified_events.channel = tag_values.tag_value
    {%- for name in tag_models() %}
    union all
    select
        one_id,
        '{{ name }}' as segment_tag,
        'model' as tag_family
    from {{ ref('int_tags__' ~ name) }}
    {%- endfor %}

),

final as (

    select
        customers.one_int,
        tags.tag_number
    from members
    inner join customers on members.one_id = customers.one_id
    inner join tags
        on members.segment_tag = tags.segment_tag and members.tag_family = tags.tag_family

)

select * from final
