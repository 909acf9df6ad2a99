-- Key: one_id and session_id. A session of the source, or events of one customer in one channel
-- with at most session_gap_minutes between one and the next. Such a session is named by its channel
-- and start, so it may cross midnight, and a late event may extend it, or join two.
-- New: the events of customers that `touched_customers` finds: each is cut into sessions again.
-- Without watermarks (docs/incremental.md): all customers. Rows that are in no session any more are
-- deleted. A rebuild gives the same rows, except for changed_at.

{%- set since = keyed_increment(
    unique_key=['one_id', 'session_id'],
    stamps={'int_events__resolved': 'changed_at'},
    follows_as_of_date=true,
) %}
{{ config(post_hook='delete from {{ this }} where not is_present') }}
{%- set same = 'one_id, session_id, channel' %}
{%- set order = 'event_time, event_id' %}

with resolved as (

    select * from {{ ref('int_events__resolved') }}
    where
        one_id is not null
        and not is_withdrawn
        and event_date <= {{ as_of_date() }}
        and {{ is_customer_act('event_type') }}

),

{%- if since %}

touched as (

    {{ touched_customers(since) }}

),
{%- endif %}

events as (

    select
        resolved.one_id,
        resolved.session_id,
        resolved.event_id,
        resolved.event_type,
        resolved.event_time,
        resolved.channel,
        resolved.page,
        case when resolved.event_type = 'purchase' then resolved.revenue end as revenue
    from resolved
    {{ of_touched('resolved', ['one_id']) if since }}

),

ends as (

    select
        *,
        {{ dbt.dateadd(
            'minute', var('session_gap_minutes'),
            'lag(event_time) over (partition by ' ~ same ~ ' order by ' ~ order ~ ')'
        ) }} as last_one_ends_at
    from events

),

in_sessions as (

    select
        *,
        coalesce(session_id, channel || ' ' || cast(
            {{ last_value_so_far(
                'case when last_one_ends_at is null or event_time > last_one_ends_at'
                ~ ' then event_time end', same, order
            ) }} as string
        )) as known_session_id
    from ends

),

present as (

    select
        one_id,
        known_session_id as session_id,
        bool_or(session_id is not null) as is_given,
        min(event_time) as started_at,
        max(event_time) as ended_at,
        count(*) as events,
        count(case when event_type = 'page_view' then 1 end) as pages,
        {{ value_at_min('channel', ['event_time', 'event_id']) }} as channel,
        {{ value_at_min('page', ['event_time', 'event_id']) }} as landing_page,
        {{ value_at_max('page', ['event_time', 'event_id']) }} as exit_page,
        bool_or(event_type = 'purchase') as is_converted,
        cast(coalesce(sum(revenue), 0) as decimal(18, 4)) as revenue
    from in_sessions
    group by one_id, known_session_id

),

{{ differences(
    'present',
    ['one_id', 'session_id'],
    [
        'is_given', 'started_at', 'ended_at', 'events', 'pages', 'channel', 'landing_page',
        'exit_page', 'is_converted', 'revenue',
    ],
    touched=['touched', ['one_id']] if since else none,
) }}

select * from final
