{#- A text as a bigint from 0: the first 8 bytes of its MD5, lowest first, without the sign. -#}
{% macro hash_63_bits(text) -%}
    {{ return(adapter.dispatch('hash_63_bits', 'onecdp')(text)) }}
{%- endmacro %}

{% macro default__hash_63_bits(text) -%}
    cast(md5_number({{ text }}) & 9223372036854775807 as bigint)
{%- endmacro %}

{#- Experimental: no test runs on Spark. -#}
{% macro spark__hash_63_bits(text) -%}
    cast(
        cast(
            conv(
                concat(
                    {%- for byte in range(7, -1, -1) %}
                    substr(md5({{ text }}), {{ 2 * byte + 1 }}, 2){{ ',' if not loop.last }}
                    {%- endfor %}
                ), 16, 10
            ) as decimal(20, 0)
        ) % 9223372036854775808 as bigint
    )
{%- endmacro %}
