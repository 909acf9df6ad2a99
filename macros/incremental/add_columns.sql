{#-
    Pre-hook of `keyed_increment`: adds the columns that a table built by an earlier version of its
    model doesn't have. Without watermarks, the model then compares all rows.
-#}
{% macro add_columns() -%}
    {%- if execute and is_incremental() -%}
        {%- for name, type in config.get('meta').columns_added.items() %}
        alter table {{ this }} add column if not exists {{ name }} {{ type }};
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}
