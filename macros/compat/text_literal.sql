{#- A text that is known while compiling, as an SQL literal. -#}
{% macro text_literal(text) -%}
    {{ return(adapter.dispatch('text_literal', 'onecdp')(text)) }}
{%- endmacro %}

{% macro default__text_literal(text) -%}
    '{{ text | replace("'", "''") }}'
{%- endmacro %}

{#- Experimental: no test runs on Spark. -#}
{% macro spark__text_literal(text) -%}
    '{{ text | replace("\\", "\\\\") | replace("'", "\\'") }}'
{%- endmacro %}
