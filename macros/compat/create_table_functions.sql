{#- Creates table functions, {signature: query}; nothing where the engine has no functions of that kind. -#}
{% macro create_table_functions(functions) -%}
    {{ return(adapter.dispatch('create_table_functions', 'onecdp')(functions)) }}
{%- endmacro %}

{% macro default__create_table_functions(functions) -%}
{%- endmacro %}

{% macro duckdb__create_table_functions(functions) -%}
    {%- for signature, query in functions.items() %}
create or replace macro {{ signature }} as table (
{{ query }}
);
    {%- endfor %}
{%- endmacro %}
