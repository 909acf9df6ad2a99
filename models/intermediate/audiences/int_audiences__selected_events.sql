-- The events that tags of seeds/tags.csv count. "A then not B within D days" takes the events A
-- that no B of the same customer follows in time, once the D days are over.

with tags as (

    select * from {{ ref('int_audiences__behaviour_tags') }}

),

unified_events as (

    select * from {{ ref('unified_events') }}

),

events as (

    select
        event_id,
        one_id,
        order_id,
        event_type,
        channel,
        item_id,
        event_time,
        event_date,
        revenue
    from unified_events
    where
        one_id is not null
        and event_date <= {{ as_of_date() }}
        and event_type in (select tags.event_type from tags)

),

selections as (

    select distinct
        selection_number,
        event_type,
        channel,
        item_id,
        then_event_type,
        within_days
    from tags
    where then_event_type is null

),

selected as (

    {{ selected_events() }}

),

not_followed as (

    select * from {{ ref('int_audiences__unfollowed_events') }}

),

final as (

    select
        selection_number,
        event_id,
        one_id,
        order_id,
        event_date,
        revenue
    from selected
    union all
    select
        selection_number,
        event_id,
        one_id,
        order_id,
        event_date,
        revenue
    from not_followed

)

select * from final
