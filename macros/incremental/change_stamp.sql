{#-
    When this run writes: its start, or a moment after the last stamp of the table where the clock
    went back. Readers take what is later than the last stamp they saw, so it must only grow.
-#}
{% macro change_stamp() -%}
    {%- set started = "cast('" ~ run_started_at.strftime("%Y-%m-%d %H:%M:%S.%f") ~ "' as timestamp)" -%}
    {%- if is_incremental() -%}
        (
            select greatest({{ started }}, max(written.changed_at) + interval '1' microsecond)
            from {{ this }} as written
        )
    {%- else -%}
        {{ started }}
    {%- endif -%}
{%- endmacro %}
