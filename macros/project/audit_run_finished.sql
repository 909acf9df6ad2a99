{#-
    on-run-end: keeps the latest status of every node, so that `onecdp publish` knows whether the
    private file passed its tests. A whole `dbt build` replaces everything. A partial run replaces
    its own nodes, removes its own mark, and deletes nodes that the project no longer has: a failing
    test that was removed must not block publishing. A test whose model was rebuilt without it
    (`dbt run`) is `stale`, and what `--empty` built is `empty`: neither may be published. A test of
    the weekly audit keeps the status that it had last: see data_tests in dbt_project.yml. The
    relation of a model is kept because dbt never drops the relation of a model that was removed.
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
{%- set is_whole = audit_is_whole_build(statuses) -%}
{%- for node in graph.nodes.values() if node.resource_type == 'test' -%}
    {%- set is_rebuilt = node.depends_on.nodes | select('in', statuses) | list -%}
    {%- set is_daily = node.config.meta.get('checked') != 'weekly' -%}
    {%- if is_rebuilt and is_daily and node.unique_id not in statuses
        and node.config.severity | lower == 'error' -%}
        {%- do statuses.update({node.unique_id: 'stale'}) -%}
    {%- endif -%}
{%- endfor -%}
begin;
delete from audit.node_status
{%- if not is_whole %}
where
    unique_id in ('invocation.{{ invocation_id }}'
        {%- for unique_id in statuses %}, '{{ unique_id }}'{% endfor %})
    {#- dbt's graph doesn't list unit tests. #}
    or (
        split_part(unique_id, '.', 1) in ('model', 'seed', 'snapshot', 'test')
        and unique_id not in ('{{ graph.nodes | join("', '") }}')
    )
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
