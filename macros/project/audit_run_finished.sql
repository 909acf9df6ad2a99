{#-
    on-run-end: keeps the latest status of every node, so that `onecdp publish` knows whether what
    stands in the private file passed its tests. A whole `dbt build` replaces everything; a part
    replaces its own nodes and takes its own mark away. A test whose model was rebuilt without it
    (`dbt run`) is `stale`, and what `--empty` built is `empty`: neither may be published. The
    relation of a model says what is its own: dbt never drops what a model that is gone left behind.
-#}
{% macro audit_run_finished(results) -%}
{%- if execute -%}
{%- set statuses = {} -%}
{%- set relations = {} -%}
{%- for result in results if result.node.resource_type != 'operation' -%}
    {%- set status = 'empty' if flags.EMPTY and result.status == 'success' else result.status -%}
    {%- do statuses.update({result.node.unique_id: status | string}) -%}
    {%- if result.node.resource_type in ('model', 'seed', 'snapshot') -%}
        {%- do relations.update({result.node.unique_id: [result.node.schema, result.node.alias]}) -%}
    {%- endif -%}
{%- endfor -%}
{%- for node in graph.nodes.values() if node.resource_type == 'test' -%}
    {%- set is_rebuilt = node.depends_on.nodes | select('in', statuses) | list -%}
    {%- if is_rebuilt and node.unique_id not in statuses and node.config.severity | lower == 'error' -%}
        {%- do statuses.update({node.unique_id: 'stale'}) -%}
    {%- endif -%}
{%- endfor -%}
begin;
delete from audit.node_status
{%- if not audit_is_whole_build() %}
where unique_id in ('invocation.{{ invocation_id }}'
    {%- for unique_id in statuses %}, '{{ unique_id }}'{% endfor %})
{%- endif %};
{%- if statuses %}
insert into audit.node_status (
    unique_id, status, invocation_id, finished_at, relation_schema, relation_name
)
values
{%- for unique_id, status in statuses.items() %}
    {%- set relation = relations.get(unique_id) %}
    (
        '{{ unique_id }}', '{{ status }}', '{{ invocation_id }}', {{ dbt.current_timestamp() }},
        {{ "'" ~ relation | join("', '") ~ "'" if relation else 'null, null' }}
    )
    {{- ',' if not loop.last }}
{%- endfor %};
{%- endif %}
commit;
{%- endif -%}
{%- endmacro %}
