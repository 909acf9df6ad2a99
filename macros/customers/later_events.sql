{#- The as-of date and how many events lie after it; `events` is the relation unified_events. -#}
{% macro later_events(events) -%}
    select
        {{ as_of_date() }} as as_of_date,
        count(*) as event_count
    {#- Without its database's name: the file may be attached under another. #}
    from {{ events.include(database=false) }}
    where event_date > {{ as_of_date() }}
{%- endmacro %}
