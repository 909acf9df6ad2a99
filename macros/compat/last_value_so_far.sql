{#- The last value that is not null, up to and including the row, over the rows of a partition. -#}
{% macro last_value_so_far(value, partition, order) -%}
    {{ return(adapter.dispatch('last_value_so_far', 'onecdp')(value, partition, order)) }}
{%- endmacro %}

{% macro default__last_value_so_far(value, partition, order) -%}
    last_value({{ value }} ignore nulls) over (
        partition by {{ partition }} order by {{ order }}
        rows between unbounded preceding and current row
    )
{%- endmacro %}

{#- Experimental: no test runs on Spark. -#}
{% macro spark__last_value_so_far(value, partition, order) -%}
    last_value({{ value }}, true) over (
        partition by {{ partition }} order by {{ order }}
        rows between unbounded preceding and current row
    )
{%- endmacro %}
