{#- on-run-start: the table of receipts; `onecdp` copies those of deliveries.duckdb there before a build. -#}
{% macro create_deliveries() -%}
create table if not exists audit.deliveries (
    feed_id int,
    delivery_number int,
    destination string,
    address string,
    what string,
    platform string,
    package_name string,
    segment_rule string,
    as_of timestamp,
    rows_inserted bigint,
    rows_updated bigint,
    rows_deleted bigint,
    rows_unchanged bigint,
    rows_refused bigint,
    started_at timestamp,
    delivered_at timestamp
)
{%- endmacro %}
