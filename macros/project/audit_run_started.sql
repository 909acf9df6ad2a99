{#-
    on-run-start: marks this invocation as running. A killed build leaves its mark behind, and
    `onecdp publish` refuses until a whole build has finished.
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
{#- For warehouses built before these columns were added. #}
alter table audit.node_status add column if not exists relation_schema string;
alter table audit.node_status add column if not exists relation_name string;
insert into audit.node_status (unique_id, status, invocation_id, finished_at)
values ('invocation.{{ invocation_id }}', 'running', '{{ invocation_id }}', {{ dbt.current_timestamp() }});
{%- endmacro %}
