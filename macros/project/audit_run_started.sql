{#-
    on-run-start: marks this invocation as running. A killed build leaves its mark behind, and
    `onecdp publish` refuses until a whole build has finished.
-#}
{% macro audit_run_started() -%}
create schema if not exists audit;
create table if not exists audit.node_status (
    unique_id varchar,
    status varchar,
    invocation_id varchar,
    finished_at timestamp with time zone,
    relation_schema varchar,
    relation_name varchar
);
{#- For warehouses built before these columns were added. #}
alter table audit.node_status add column if not exists relation_schema varchar;
alter table audit.node_status add column if not exists relation_name varchar;
insert into audit.node_status (unique_id, status, invocation_id, finished_at)
values ('invocation.{{ invocation_id }}', 'running', '{{ invocation_id }}', {{ dbt.current_timestamp() }});
{%- endmacro %}
