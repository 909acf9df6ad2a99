{#- Bitwise exclusive or of two bigints. -#}
{% macro xor_bits(left, right) -%}
    {{ return(adapter.dispatch('xor_bits', 'onecdp')(left, right)) }}
{%- endmacro %}

{% macro default__xor_bits(left, right) -%}
    xor({{ left }}, {{ right }})
{%- endmacro %}

{#- Experimental: no test runs on Spark. -#}
{% macro spark__xor_bits(left, right) -%}
    ({{ left }} ^ {{ right }})
{%- endmacro %}
