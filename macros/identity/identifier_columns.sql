{#-
    The identifier columns, highest priority first: the types of seeds/id_types.csv, in its order.
    A singular test holds the two together; dbt must know the columns before the seed is loaded.
-#}
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
