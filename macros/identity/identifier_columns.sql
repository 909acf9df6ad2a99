{#- The identifier columns of staging, highest priority first; seeds/id_types.csv gives the order. -#}
{% macro identifier_columns() -%}
    {{ return([
        'member_id',
        'union_id',
        'retail_customer_id',
        'mobile_hash',
        'email_hash',
        'open_id',
        'device_id',
    ]) }}
{%- endmacro %}
