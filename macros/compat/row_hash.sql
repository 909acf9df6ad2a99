{#- A hash of a row's columns, for comparison within one query: it is stored nowhere. -#}
{% macro row_hash(columns) -%}
    {{ return(adapter.dispatch('row_hash', 'onecdp')(columns)) }}
{%- endmacro %}

{% macro default__row_hash(columns) -%}
    hash({{ columns | join(', ') }})
{%- endmacro %}

{#- Experimental: no test runs on Spark. -#}
{% macro spark__row_hash(columns) -%}
    xxhash64({{ columns | join(', ') }})
{%- endmacro %}
