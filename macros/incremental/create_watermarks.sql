{#-
    on-run-start: creates the tables that `keep_watermarks` writes, and deletes removed rows that all
    readers have seen; the last ones of a model stay, since they are its last change.
-#}
{% macro create_watermarks() -%}
create schema if not exists audit;
create table if not exists audit.watermarks (
    model string,
    upstream string,
    stamp timestamp,
    row_count bigint,
    fingerprint string
);
create table if not exists audit.removed_rows (
    model string,
    key bigint,
    second_key bigint,
    removed_at timestamp
);
delete from audit.removed_rows as removed
where
    removed_at < (
        select max(later.removed_at) from audit.removed_rows as later
        where later.model = removed.model
    )
    and removed_at <= (
        select min(read.stamp) from audit.watermarks as read
        where read.upstream = removed.model
    );
{%- endmacro %}
