-- Key: one_id. Events after the as-of date are in event_count and in nothing else.
-- New: customers that `touched_customers` finds: each is recounted from all of its events. Without
-- watermarks (docs/incremental.md): all customers. Customers without events are deleted.
-- A rebuild gives the same rows, except for changed_at.

{%- set since = keyed_increment(
    unique_key='one_id',
    stamps={'int_events__resolved': 'changed_at'},
    columns={'is_present': 'boolean default true'},
    follows_as_of_date=true,
) %}
{{ config(post_hook='delete from {{ this }} where not is_present') }}

with resolved as (

    select
        *,
        event_date <= {{ as_of_date() }} as is_counted
    from {{ ref('int_events__resolved') }}
    where one_id is not null and not is_withdrawn

),

{%- if since %}

touched as (

    {{ touched_customers(since) }}

),
{%- endif %}

events as (

    select
        resolved.one_id,
        {%- for column in [
            'event_id', 'event_type', 'channel', 'event_time', 'event_date', 'session_id',
            'country', 'revenue',
        ] %}
        case when resolved.is_counted then resolved.{{ column }} end as {{ column }},
        {%- endfor %}
        -- A purchase that names no order is an order of its own.
        case
            when resolved.is_counted then coalesce(resolved.order_id, resolved.event_id)
        end as order_id
    from resolved
    {{ of_touched('resolved', ['one_id']) if since }}

),

present as (

    select
        one_id,
        count(*) as event_count,
        count(case when event_type = 'page_view' then 1 end) as page_views,
        min(case when event_type = 'purchase' then event_date end) as first_purchase_date,
        max(case when event_type = 'purchase' then event_date end) as last_purchase_date,
        count(distinct case when event_type = 'purchase' then order_id end) as orders,
        count(distinct case when event_type = 'purchase' then event_date end) as purchase_days,
        cast(
            coalesce(sum(case when event_type = 'purchase' then revenue end), 0) as decimal(18, 4)
        ) as gross_revenue,
        cast(
            coalesce(-sum(case when event_type = 'return' then revenue end), 0) as decimal(18, 4)
        ) as returned_revenue,
        {{ value_at_min('channel', ['event_time', 'event_id']) }} as first_channel,
        {{ value_at_max('channel', ['event_time', 'event_id']) }} as last_channel,
        {{ value_at_max('session_id', ['event_time', 'event_id']) }} as last_session_id,
        {{ value_at_max('country', ['event_time', 'event_id']) }} as country,
        max(event_time) as last_event_at
    from events
    group by one_id

),

{{ differences(
    'present',
    ['one_id'],
    [
        'event_count', 'page_views', 'first_purchase_date', 'last_purchase_date', 'orders',
        'purchase_days', 'gross_revenue', 'returned_revenue', 'first_channel', 'last_channel',
        'last_session_id', 'country', 'last_event_at',
    ],
    touched=['touched', ['one_id']] if since else none,
) }}

select * from final
