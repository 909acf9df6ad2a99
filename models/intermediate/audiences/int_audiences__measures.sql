-- What customers did, in one pass over the events for all tags of seeds/tags.csv: how many orders
-- (an event without an order is one of its own), and their revenue, per selection of events and
-- window of days. A customer without such events has no row. int_audiences__bitmaps compares them
-- with the limits. Revenue is in ten-thousandths, as integers.

{%- set windows = dict() %}
{%- for days in tag_windows() %}
{%- do windows.update({
    days: dbt.datediff('event_date', as_of_date(), 'day') ~ ' < ' ~ days
}) %}
{%- endfor %}
{%- do windows.update({'ever': 'true'}) %}

with selected_events as (

    select * from {{ ref('int_audiences__selected_events') }}

),

customers as (

    select * from {{ ref('int_customers__customers') }}

),

orders as (

    select
        {%- for window, condition in windows.items() %}
        count(case when {{ condition }} then 1 end) as events_{{ window }},
        sum(case when {{ condition }} then revenue else 0 end) as revenue_{{ window }},
        {%- endfor %}
        selection_number,
        one_id,
        order_id
    from selected_events
    group by selection_number, one_id, order_id

),

measured as (

    select
        {%- for window in windows %}
        sum(
            case when order_id is null then events_{{ window }} else sign(events_{{ window }}) end
        ) as count_{{ window }},
        sum(revenue_{{ window }}) as revenue_{{ window }},
        {%- endfor %}
        selection_number,
        one_id
    from orders
    group by selection_number, one_id

),

final as (

    select
        {%- for window in windows %}
        cast(measured.count_{{ window }} as bigint) as count_{{ window }},
        cast(measured.revenue_{{ window }} * 10000 as bigint) as sum_{{ window }},
        {%- endfor %}
        customers.one_int,
        measured.selection_number
    from measured
    inner join customers on measured.one_id = customers.one_id

)

select * from final
