{#- Whether a text has as many bytes as letters. -#}
{% macro is_ascii(text) -%}
    {{ return(adapter.dispatch('is_ascii', 'onecdp')(text)) }}
{%- endmacro %}

{% macro default__is_ascii(text) -%}
    strlen({{ text }}) = length({{ text }})
{%- endmacro %}

{% macro spark__is_ascii(text) -%}
    octet_length({{ text }}) = length({{ text }})
{%- endmacro %}
