{#- As-of date, the last day included: var as_of_date, else the day of the run (UTC). -#}
{% macro as_of_date() -%}
    cast('{{ var("as_of_date") or run_started_at.strftime("%Y-%m-%d") }}' as date)
{%- endmacro %}
