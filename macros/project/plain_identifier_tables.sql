{#- The tables of plain addresses and numbers that are there: `raw_<source>.plain_identifiers`. -#}
{% macro plain_identifier_tables() -%}
    {%- set tables = [] -%}
    {%- if execute -%}
        {%- for node in graph.sources.values() if node.name == 'plain_identifiers' -%}
            {%- set relation = adapter.get_relation(node.database, node.schema, node.identifier) -%}
            {%- if relation is not none -%} {%- do tables.append(relation) -%} {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {{- return(tables | sort) -}}
{%- endmacro %}
