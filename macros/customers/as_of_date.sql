{#-
    As-of date, the last day included: var as_of_date, else the environment variable ONECDP_AS_OF,
    else the day of the run (UTC). `onecdp` sets the variable of the environment: another value of a
    var makes dbt parse the whole project again.
-#}
{% macro as_of_date() -%}
    {%- set given = var("as_of_date") or (env_var("ONECDP_AS_OF", "") if execute else "") -%}
    cast('{{ given or run_started_at.strftime("%Y-%m-%d") }}' as date)
{%- endmacro %}
