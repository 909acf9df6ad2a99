{#- Select items id_type and id_value: the identifier in the column that id_column names. -#}
{% macro event_identifier(model_name) -%}
    {%- set columns = identifier_columns().get(model_name, {}) -%}
    case id_column
        {%- for column, id_type in columns.items() %}
        when '{{ column }}' then '{{ id_type }}'
        {%- endfor %}
    end as id_type,
    case id_column
        {%- for column in columns %}
        when '{{ column }}' then {{ column }}
        {%- endfor %}
    end as id_value,
{%- endmacro %}
