-- Events A of "A then not B within D days" (seeds/tags.csv): after which the customer had no B for
-- D days, which are over at the end of the as-of date. A B at the very moment of A follows it,
-- unless both are of the same type.

with tags as (

    select * from {{ ref('int_audiences__behaviour_tags') }}
    where then_event_type is not null

),

unified_events as (

    select * from {{ ref('unified_events') }}
    where one_id is not null and event_date <= {{ as_of_date() }}

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
    where event_type in (select tags.event_type from tags)

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

),

selected as (

    {{ selected_events() }}

),

ended as (

    select
        *,
        event_time + within_days * interval '1' day as ends_at,
        case
            when event_type = then_event_type then event_time
            else event_time - interval '1' microsecond
        end as followed_after
    from selected
    where event_time + within_days * interval '1' day < {{ as_of_date() }} + interval '1' day

),

followers as (

    select
        one_id,
        event_type,
        event_time as followed_at
    from unified_events
    where event_type in (select tags.then_event_type from tags)

),

final as (

    select
        ended.selection_number,
        ended.event_id,
        ended.one_id,
        ended.order_id,
        ended.event_date,
        ended.revenue
    from ended
    asof left join followers
        on
            ended.one_id = followers.one_id
            and ended.then_event_type = followers.event_type
            and ended.followed_after < followers.followed_at
    where followers.followed_at is null or followers.followed_at > ended.ends_at

)

select * from final
