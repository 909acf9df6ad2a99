{#-
    Whether this is a `dbt build` that ran every model, snapshot and daily data test of the project,
    however they were selected: Dagster always passes `--select fqn:*`. `onecdp run` leaves out the
    tests of its weekly audit, and seeds that are as the last build loaded them. Unit tests look at
    no data.
-#}
{% macro audit_is_whole_build(statuses) -%}
    {%- set missing = [] -%}
    {%- for node in graph.nodes.values()
        if node.resource_type in ('model', 'snapshot', 'test')
        and node.config.materialized != 'ephemeral' and node.unique_id not in statuses -%}
        {%- set may_lack = node.resource_type == 'test' and (
            audit_is_weekly(node)
            or node.depends_on.nodes | map('truncate', 5, true, '', 0) | unique | list == ['seed.']
        ) -%}
        {%- if not may_lack -%} {%- do missing.append(node.unique_id) -%} {%- endif -%}
    {%- endfor -%}
    {{- return(flags.WHICH == 'build' and not missing) -}}
{%- endmacro %}
