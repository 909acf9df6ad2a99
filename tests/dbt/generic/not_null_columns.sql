{#- The rows in which one of the columns is null: `not_null` of several columns in one scan. -#}
{% test not_null_columns(model, columns) %}
select
    {%- for column in columns %}
    {{ column }}{{ ',' if not loop.last }}
    {%- endfor %}
from {{ model }}
where
    {%- for column in columns %}
    {{ 'or ' if not loop.first }}{{ column }} is null
    {%- endfor %}
{% endtest %}
