-- What became of a customer's mails and tickets, and the last day on which they did something.
-- Key: one_id. New: customers that `touched_customers` finds: each is recounted from all of its
-- events. Without watermarks (docs/incremental.md): all customers. Customers without events are
-- deleted. A rebuild gives the same rows, except for changed_at.

{%- set since = keyed_increment(
    unique_key='one_id',
    stamps={'int_events__resolved': 'changed_at'},
    follows_as_of_date=true,
) %}
{{ config(post_hook='delete from {{ this }} where not is_present') }}

with resolved as (

    select * from {{ ref('int_events__resolved') }}
    where one_id is not null and not is_withdrawn and event_date <= {{ as_of_date() }}

),

{%- if since %}

touched as (

    {{ touched_customers(since) }}

),
{%- endif %}

events as (

    select resolved.*
    from resolved
    {{ of_touched('resolved', ['one_id']) if since }}

),

present as (

    select
        one_id,
        max(case when {{ is_customer_act('event_type') }} then event_date end) as last_session_date,
        count(case when event_type = 'email_open' then 1 end) as email_opens,
        count(case when event_type = 'email_click' then 1 end) as email_clicks,
        max(case when event_type in ('email_open', 'email_click') then event_time end)
            as last_email_engaged_at,
        bool_or(event_type in ('email_unsubscribe', 'email_complaint')) as is_email_opted_out,
        -- A ticket is solved by at most one event.
        count(case when event_type = 'ticket_created' then 1 end)
        - count(case when event_type = 'ticket_solved' then 1 end) as open_tickets,
        max(case when event_type = 'ticket_created' then event_time end) as last_ticket_at
    from events
    group by one_id

),

{{ differences(
    'present',
    ['one_id'],
    [
        'last_session_date', 'email_opens', 'email_clicks', 'last_email_engaged_at',
        'is_email_opted_out', 'open_tickets', 'last_ticket_at',
    ],
    touched=['touched', ['one_id']] if since else none,
) }}

select * from final
