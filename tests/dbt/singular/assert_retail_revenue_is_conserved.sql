-- Every invoice line reaches unified events, and the money adds up to the penny.

{{ config(meta={'checked': 'weekly'}) }}

with raw_lines as (

    select
        count(*) as line_count,
        coalesce(sum(quantity * price), 0) as revenue
    from {{ ref('stg_retail__transactions') }}
    -- A credit note written without a sign counts as what it takes back.
    where not is_withdrawn and not (invoice like 'C%' and quantity * price > 0)

),

unified as (

    select
        count(*) as line_count,
        coalesce(sum(events.revenue), 0) as revenue
    from {{ ref('unified_events') }} as events
    inner join {{ ref('int_events__resolved') }} as resolved
        on events.event_id = resolved.event_id and resolved.source_name = 'retail'
    where not (events.order_id like 'C%' and events.quantity * events.item_price > 0)

)

select
    raw_lines.line_count as raw_lines,
    unified.line_count as unified_lines,
    raw_lines.revenue as raw_revenue,
    unified.revenue as unified_revenue
from raw_lines
cross join unified
where raw_lines.line_count != unified.line_count or raw_lines.revenue != unified.revenue
