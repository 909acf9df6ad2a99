{#-
    {id_type: priority} of seeds/id_types.csv, read from the warehouse while a model is compiled. Empty before the seed is loaded and in unit tests, which see no graph.
-#}
{% macro id_type_priorities() -%}
    {%- set priorities = {} -%}
    {%- set seed = graph.get('nodes', {}).get('seed.onecdp.id_types') if execute -%}
    {%- if seed -%}
        {%- set relation = adapter.get_relation(seed.database, seed.schema, seed.alias) -%}
        {%- if relation is not none -%}
            {%- for row in run_query("select id_type, priority from " ~ relation).rows -%}
                {%- do priorities.update({row[0]: row[1] | int}) -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endif -%}
    {{ return(priorities) }}
{%- endmacro %}
