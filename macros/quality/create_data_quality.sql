{#- on-run-start: the table that keeps the results of the data quality tests of every run. -#}
{% macro create_data_quality() -%}
create table if not exists audit.data_quality (
    check_id string,
    run_id string,
    check_name string,
    rule string,
    table_name string,
    column_name string,
    value double,
    at_least double,
    at_most double,
    verdict string,
    checked_at timestamp with time zone
)
{%- endmacro %}
