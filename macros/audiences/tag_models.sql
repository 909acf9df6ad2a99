{#- The tags of models/intermediate/audiences/tags/: int_tags__<name>, one row per one_id, gives the tag <name>. -#}
{% macro tag_models() -%}
    {%- set names = ['no_early_purchase'] -%}
    {%- if execute -%}
        {%- for node in graph.nodes.values() if node.resource_type == 'model'
            and '/audiences/tags/' in node.path and node.name[10:] not in names -%}
            {{ exceptions.raise_compiler_error(
                node.path ~ ": add '" ~ node.name[10:] ~ "' to macros/audiences/tag_models.sql") }}
        {%- endfor -%}
    {%- endif -%}
    {{- return(names) -}}
{%- endmacro %}
