-- Key: order_key. Orders with or without a customer; an order without one is its own buyer. A touch
-- is something that the customer did, but no order, return or adjustment.
-- New: the orders of customers that `touched_customers` finds, and those of changed events, which
-- may have had none. Without watermarks (docs/incremental.md): all orders. Those that are no more
-- are deleted. A rebuild gives the same rows, except for changed_at.

{%- set since = keyed_increment(
    unique_key='order_key',
    stamps={'int_events__resolved': 'changed_at'},
    follows_as_of_date=true,
) %}
{{ config(post_hook='delete from {{ this }} where not is_present') }}
{#- A purchase that names no order is an order of its own. #}
{%- set order_id = 'coalesce(order_id, event_id)' %}
{%- set order = ['event_time', 'event_id'] %}
{%- set alone = "'order ' || " ~ order_id %}

with resolved as (

    select
        *,
        coalesce(one_id, {{ alone }}) as buyer
    from {{ ref('int_events__resolved') }}
    where
        not is_withdrawn
        and event_date <= {{ as_of_date() }}
        and {{ is_customer_act('event_type') }}
        and event_type not in ('return', 'adjustment')
        and (one_id is not null or event_type = 'purchase')

),

{%- if since %}

touched as (

    select one_id as buyer from ({{ touched_customers(since) }})
    union
    -- Also of events that have a customer now, or are no purchase: they may have been otherwise.
    select {{ alone }} as buyer from {{ ref('int_events__resolved') }}
    where
        changed_at > {{ since.int_events__resolved.stamp }}
        or (event_type = 'purchase' and {{ is_between_as_of_dates(since) }})

),
{%- endif %}

events as (

    select
        resolved.*,
        first_value(resolved.channel) over (
            partition by resolved.buyer order by resolved.event_time, resolved.event_id
        ) as first_channel,
        {{ last_value_so_far(
            "case when resolved.event_type != 'purchase' then resolved.channel end",
            'resolved.buyer', 'resolved.event_time, resolved.event_id'
        ) }} as touch_channel
    from resolved
    {{ of_touched('resolved', ['buyer']) if since }}

),

orders as (

    select
        buyer,
        {{ order_id }} as order_id,
        min(one_id) as one_id,
        min(event_time) as ordered_at,
        {{ value_at_min('channel', order) }} as channel,
        {{ value_at_min('first_channel', order) }} as first_touch_channel,
        {{ value_at_min('coalesce(touch_channel, channel)', order) }} as last_touch_channel,
        count(*) as purchases,
        count(distinct item_id) as items,
        cast(sum(revenue) as decimal(18, 4)) as revenue
    from events
    where event_type = 'purchase'
    group by buyer, {{ order_id }}

),

present as (

    select
        buyer || ' ' || order_id as order_key,
        order_id,
        one_id,
        ordered_at,
        cast(ordered_at as date) as order_date,
        case
            when one_id is not null
                then row_number() over (partition by one_id order by ordered_at, order_id)
        end as order_number,
        channel,
        first_touch_channel,
        last_touch_channel,
        purchases,
        items,
        revenue,
        buyer
    from orders

),

{{ differences(
    'present',
    ['order_key'],
    [
        'order_id', 'one_id', 'ordered_at', 'order_date', 'order_number', 'channel',
        'first_touch_channel', 'last_touch_channel', 'purchases', 'items', 'revenue', 'buyer',
    ],
    touched=['touched', ['buyer']] if since else none,
) }}

select * from final
