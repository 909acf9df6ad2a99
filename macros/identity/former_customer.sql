{#- The number of the customer who loses an event, 63 bits of the MD5 of the one_id; else null. -#}
{% macro former_customer(before, now) -%}
    {%- if has_stored_rows() -%}
        case when {{ before }} is distinct from {{ now }} then {{ hash_63_bits(before) }} end
    {%- else -%}
        cast(null as bigint)
    {%- endif -%}
{%- endmacro %}
