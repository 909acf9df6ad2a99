{#- The line of a seed as its file has it, for messages; no column is left out, empty ones are empty. -#}
{% macro seed_line(seed, columns) -%}
    'seeds/{{ seed }}.csv, line '
    {%- for column in columns %}
    {{ "|| ','" if not loop.first }} || coalesce(cast({{ column }} as string), '')
    {%- endfor %}
{%- endmacro %}
