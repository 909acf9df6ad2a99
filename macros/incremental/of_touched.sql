{#- A join that keeps the rows of `alias` whose columns are in the CTE `touched`. -#}
{% macro of_touched(alias, columns, touched_columns=none) -%}
    inner join touched
        on
            {%- for column in columns %}
            {{ 'and ' if not loop.first }}{{ alias }}.{{ column }}
            = touched.{{ (touched_columns or columns)[loop.index0] }}
            {%- endfor %}
{%- endmacro %}
