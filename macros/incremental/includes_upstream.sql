{#-
    Whether these incremental tables include all rows of their upstream tables, by their watermarks.
    Of those that this run builds it is known.
-#}
{% macro includes_upstream(names) -%}
    true
    {%- for node in graph.nodes.values()
        if node.name in names and node.unique_id not in selected_resources -%}
    {%- for upstream, column in node.config.meta.watermarks.stamps.items() %}
    {%- set read = graph.nodes.values() | selectattr('name', 'equalto', upstream) | first %}
    and exists (
        select 1 from audit.watermarks as read
        where
            read.model = '{{ node.alias }}'
            and read.upstream = '{{ upstream }}'
            and read.stamp >= (
                select coalesce({{ latest_stamp(upstream, column) }}, timestamp '0001-01-01')
                from {{ read.relation_name }}
            )
    )
    {%- endfor -%}
    {%- endfor -%}
{%- endmacro %}
