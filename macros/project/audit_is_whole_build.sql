{#-
    Whether this is a `dbt build` that ran every model, seed, snapshot and data test of the project,
    however they were selected: Dagster always passes `--select fqn:*`. Unit tests look at no data.
-#}
{% macro audit_is_whole_build(statuses) -%}
    {%- set missing = [] -%}
    {%- for node in graph.nodes.values()
        if node.resource_type in ('model', 'seed', 'snapshot', 'test')
        and node.config.materialized != 'ephemeral' and node.unique_id not in statuses -%}
        {%- do missing.append(node.unique_id) -%}
    {%- endfor -%}
    {{- return(flags.WHICH == 'build' and not missing) -}}
{%- endmacro %}
