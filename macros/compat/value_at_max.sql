{#- The value of the row where the ordering columns are greatest (or least); null values are passed over. -#}
{% macro value_at_max(value, order_columns) -%}
    {{ return(adapter.dispatch('value_at', 'onecdp')('max', value, order_columns)) }}
{%- endmacro %}

{% macro value_at_min(value, order_columns) -%}
    {{ return(adapter.dispatch('value_at', 'onecdp')('min', value, order_columns)) }}
{%- endmacro %}

{% macro default__value_at(end, value, order_columns) -%}
    arg_{{ end }}({{ value }}, row({{ order_columns | join(', ') }}))
{%- endmacro %}

{#- Experimental: no test runs on Spark. -#}
{% macro spark__value_at(end, value, order_columns) -%}
    {{ end }}_by({{ value }}, struct({{ order_columns | join(', ') }}))
        filter (where {{ value }} is not null)
{%- endmacro %}
