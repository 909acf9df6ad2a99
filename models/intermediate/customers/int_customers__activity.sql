-- Key: one_id. Events after the as-of date are in event_count and in nothing else.
-- New: customers with a changed event, who lost one, or who have one between the as-of dates of
-- the last build and of this one. Without watermarks (docs/incremental.md): customers whose event
-- count, latest changed_at or last event up to the as-of date differs from the stored row. Each is
-- recounted from all of its events; a customer without events is deleted.
-- A rebuild gives the same rows, except for changed_at.

{%- set since = keyed_increment(
    unique_key='one_id',
    stamps={'int_events__resolved': 'changed_at'},
    follows_as_of_date=true,
) %}
{{ config(post_hook='delete from {{ this }} where event_count = 0') }}

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
{%- else %}

present as (

    select
        one_id,
        count(*) as event_count,
        max(case when is_counted then event_time end) as last_event_at,
        max(changed_at) as changed_at
    from resolved
    group by one_id

),

{%- if has_stored_rows() %}

unchanged as (

    select present.one_id
    from present
    inner join {{ this }} as counted
        on
            present.one_id = counted.one_id
            and present.event_count = counted.event_count
            and present.changed_at = counted.changed_at
            and present.last_event_at is not distinct from counted.last_event_at

),

gone as (

    select counted.one_id
    from {{ this }} as counted
    left join present on counted.one_id = present.one_id
    where present.one_id is null

),
{%- endif %}

touched as (

    select one_id
    from present
    {%- if has_stored_rows() %}
    where one_id not in (select unchanged.one_id from unchanged)
    union all
    select one_id
    from gone
    {%- endif %}

),
{%- endif %}

events as (

    select
        touched.one_id,
        resolved.event_id as known_event_id,
        resolved.changed_at,
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
    from touched
    left join resolved on touched.one_id = resolved.one_id

),

final as (

    select
        one_id,
        count(known_event_id) as event_count,
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
        max(event_time) as last_event_at,
        max(changed_at) as changed_at
    from events
    group by one_id

)

select * from final
