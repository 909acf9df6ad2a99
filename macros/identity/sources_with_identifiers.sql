{#-
    The entries of `row_sources` whose staging models declare identifiers; the others show nothing.
    While dbt parses, which knows no declarations, all: their refs are to be seen.
-#}
{% macro sources_with_identifiers() -%}
    {%- set declared = identifier_columns() -%}
    {%- set found = {} -%}
    {%- for source_name, source in row_sources().items() if not execute or source.model in declared -%}
        {%- do found.update({source_name: source}) -%}
    {%- endfor -%}
    {{- return(found) -}}
{%- endmacro %}
