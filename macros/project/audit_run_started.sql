{#-
    on-run-start: marks this invocation as running. A build that is killed leaves the mark behind,
    and `onecdp publish` refuses until a build has finished.
-#}
{% macro audit_run_started() -%}
create schema if not exists audit;
create table if not exists audit.node_status (
    unique_id string,
    status string,
    invocation_id string,
    finished_at timestamp with time zone,
    relation_schema string,
    relation_name string
);
{#- A warehouse that was built before these columns were. #}
alter table audit.node_status add column if not exists relation_schema string;
alter table audit.node_status add column if not exists relation_name string;
insert into audit.node_status (unique_id, status, invocation_id, finished_at)
values ('invocation.{{ invocation_id }}', 'running', '{{ invocation_id }}', {{ dbt.current_timestamp() }});
{%- endmacro %}
