{#-
    The identifiers that each staging model declares in its YAML, in the order given there:
    {staging model: {column: id_type}}.

        columns:
          - name: mobile_hash
            config: {meta: {id_type: mobile_hash}}

    Only complete while dbt executes: models that use it name their refs themselves. A unit test has
    no graph to read and overrides this macro.
-#}
{% macro identifier_columns() -%}
    {%- set declared = {} -%}
    {%- if execute -%}
        {%- for node in graph.nodes.values() if node.resource_type == 'model' -%}
            {%- set columns = {} -%}
            {%- for column in node.columns.values() if column.meta.get('id_type') -%}
                {%- do columns.update({column.name: column.meta['id_type']}) -%}
            {%- endfor -%}
            {%- if columns -%} {%- do declared.update({node.name: columns}) -%} {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(declared) }}
{%- endmacro %}
