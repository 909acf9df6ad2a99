-- The rows of seeds/tags.csv, with the number of the selection of events that each counts: rows of
-- the same events share it. A seed of an earlier version lacks the last four columns.

{%- set names = [] %}
{%- if execute and model.resource_type != 'unit_test' %}
{%- set names = adapter.get_columns_in_relation(ref('tags')) | map(attribute='name') | list %}
{%- endif %}

with tags as (

    select * from {{ ref('tags') }}

),

completed as (

    select
        segment_tag,
        event_type,
        {%- for column in ['channel', 'item_id', 'then_event_type', 'within_days'] %}
        {%- set type = 'integer' if column == 'within_days' else 'string' %}
        {%- if names and column not in names %}
        cast(null as {{ type }}) as {{ column }},
        {%- else %}
        cast({{ column }} as {{ type }}) as {{ column }},
        {%- endif %}
        {%- endfor %}
        window_days,
        min_count,
        max_count,
        min_revenue,
        max_revenue
    from tags

),

final as (

    select
        *,
        cast(
            dense_rank() over (
                order by event_type, channel, item_id, then_event_type, within_days
            ) as integer
        ) as selection_number
    from completed

)

select * from final
