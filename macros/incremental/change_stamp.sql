{#-
    When this run writes: its start, or a moment after the last stamp of the table, or of its removed
    rows, where the clock went back. Readers take what is later than the last stamp they saw, so it
    must only grow, through a full refresh, too.
-#}
{% macro change_stamp() -%}
    {%- set started = "cast('" ~ run_started_at.strftime("%Y-%m-%d %H:%M:%S.%f") ~ "' as timestamp)" -%}
    {%- set before = load_relation(this) if execute and this is not none else none -%}
    {%- if has_stored_rows() or (
        before and 'changed_at' in adapter.get_columns_in_relation(before) | map(attribute='name')
    ) -%}
        (
            select
                greatest(
                    {{ started }},
                    {{ latest_stamp(this.identifier, 'written.changed_at') }}
                    + interval '1' microsecond
                )
            from {{ this }} as written
        )
    {%- else -%}
        {{ started }}
    {%- endif -%}
{%- endmacro %}
