{#-
    on-run-end: keeps what every data quality test of this run measured. A test that stopped with an
    error or was skipped has no value. What else has the tag is asked each run, and measures nothing.
-#}
{% macro note_data_quality(results) -%}
{%- if execute -%}
{%- set tests = [] -%}
{%- for result in results if 'data_quality' in result.node.tags
    and result.node.resource_type == 'test' and result.node.config.schema == 'quality' -%}
    {%- do tests.append(result) -%}
{%- endfor -%}
{%- if tests %}
insert into audit.data_quality
{%- for result in tests %}
    {%- set node = result.node %}
    {#- A source table has no attached_node. #}
    {%- set tested = node.attached_node
        or node.depends_on.nodes | select('in', graph.sources) | first %}
    {%- set relation = graph.nodes.get(tested) or graph.sources.get(tested) %}
select
    '{{ invocation_id }}:{{ node.name }}' as check_id,
    '{{ invocation_id }}' as run_id,
    '{{ node.name }}' as check_name,
    '{{ node.test_metadata.name }}' as rule,
    '{{ relation.schema }}.{{ relation.identifier or relation.alias }}' as table_name,
    {{ "'" ~ node.column_name ~ "'" if node.column_name else 'null' }} as column_name,
    {%- if result.status in ('pass', 'fail', 'warn') %}
    value,
    at_least,
    at_most,
    {%- else %}
    null as value,
    null as at_least,
    null as at_most,
    {%- endif %}
    '{{ result.status }}' as verdict,
    {{ dbt.current_timestamp() }} as checked_at
    {%- if result.status in ('pass', 'fail', 'warn') %}
from {{ node.relation_name }}
    {%- endif %}
    {{ 'union all' if not loop.last }}
{%- endfor %}
{%- endif -%}
{%- endif -%}
{%- endmacro %}
