{#- A table without its database's name: the file may be attached under another. -#}
{% macro explain_table(name) -%}
    {{ ref(name).include(database=false) }}
{%- endmacro %}
