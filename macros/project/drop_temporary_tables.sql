{#-
    on-run-end: drops the tables in which dbt-duckdb hands over the rows of incremental Python models.
    They are stored, under a name with the time, and the materialization doesn't drop them. Those of
    a killed build go at the end of the next one.
-#}
{% macro drop_temporary_tables() -%}
{%- if execute -%}
{%- set tables -%}
select schema_name, table_name
from duckdb_tables()
where database_name = current_database() and not temporary and regexp_matches(table_name, '__dbt_tmp[0-9]+$')
{%- endset -%}
{%- for schema, table in run_query(tables).rows %}
drop table "{{ schema }}"."{{ table }}";
{%- endfor -%}
{%- endif -%}
{%- endmacro %}
