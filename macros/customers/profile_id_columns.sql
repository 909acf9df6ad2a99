{#-
    The id types with a column of their own in customer_profiles: those that ship. Types that a
    project adds are rows of id_map. To add a column, see CONTRIBUTING.md.
-#}
{% macro profile_id_columns() -%}
    {{ return([
        'member_id', 'union_id', 'retail_customer_id', 'customer_id', 'mobile_hash', 'email_hash',
        'open_id', 'device_id',
    ]) }}
{%- endmacro %}
