{#-
    A query for the events of the CTE `events` with the selection that they are in, of the CTE
    `selections`. A selection without a channel or an item takes them all. Each of the four kinds
    is joined by equality alone, so that hundreds of selections cost no more than a few.
-#}
{% macro selected_events() -%}
    {%- for with_channel in [false, true] %}
    {%- for with_item in [false, true] %}
    select
        selections.selection_number,
        selections.then_event_type,
        selections.within_days,
        events.*
    from events
    inner join selections
        on
            events.event_type = selections.event_type
            {%- if with_channel %}
            and events.channel = selections.channel
            {%- endif %}
            {%- if with_item %}
            and events.item_id = selections.item_id
            {%- endif %}
    where
        selections.channel is {{ 'not ' if with_channel }}null
        and selections.item_id is {{ 'not ' if with_item }}null
    {{- ' union all' if not (with_channel and with_item) }}
    {%- endfor %}
    {%- endfor %}
{%- endmacro %}
