{#- An expression that never has a value: reaching it ends the query with a message. -#}
{% macro stop_with(message) -%}
    {{ return(adapter.dispatch('stop_with', 'onecdp')(message)) }}
{%- endmacro %}

{% macro default__stop_with(message) -%}
    error({{ message }})
{%- endmacro %}

{#- Experimental: no test runs on Spark. -#}
{% macro spark__stop_with(message) -%}
    raise_error({{ message }})
{%- endmacro %}
