-- Key: one_id. Nothing in it depends on today's date.
-- New: customers with an event that was written since the last run, under its present or its
-- previous one_id; each is recounted from all of its events. A customer whose last event went
-- (withdrawn, or moved to another one_id) leaves the table.
-- A rebuild gives the same rows, but for events_seen_to.

{{
    config(
        materialized='incremental',
        unique_key='one_id',
        incremental_strategy='delete+insert',
        post_hook='delete from {{ this }} where event_count = 0',
    )
}}

with resolved as (

    select * from {{ ref('int_events__resolved') }}

),

changed as (

    select
        one_id,
        previous_one_id
    from resolved
    {%- if is_incremental() %}
    where
        changed_at > (
            select coalesce(max(counted.events_seen_to), cast('1970-01-01' as timestamp))
            from {{ this }} as counted
        )
    {%- endif %}

),

touched as (

    select one_id
    from changed
    where one_id is not null
    union distinct
    select previous_one_id as one_id
    from changed
    where previous_one_id is not null

),

events as (

    select
        touched.one_id,
        resolved.event_id,
        resolved.event_type,
        resolved.channel,
        resolved.event_time,
        resolved.event_date,
        resolved.session_id,
        resolved.country,
        resolved.revenue,
        -- A purchase that names no order is an order of its own.
        coalesce(resolved.order_id, resolved.event_id) as order_id
    from touched
    left join resolved on touched.one_id = resolved.one_id and not resolved.is_withdrawn

),

final as (

    select
        one_id,
        count(event_id) as event_count,
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
        (select max(seen.changed_at) from resolved as seen) as events_seen_to
    from events
    group by one_id

)

select * from final
