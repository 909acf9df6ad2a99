{#-
    on-run-end: creates the function later_events(), which `onecdp run` reads: the as-of date of the
    build and how many events lie after it.
-#}
{% macro create_later_events() -%}
    {%- set events = ref('unified_events') -%}
    {%- if execute and flags.WHICH in ('run', 'build') and load_relation(events) is not none -%}
        {{ create_table_functions({'later_events()': later_events(events)}) }}
    {%- endif -%}
{%- endmacro %}
