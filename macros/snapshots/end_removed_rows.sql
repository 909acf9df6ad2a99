{#-
    Post-hook of a snapshot that is given changed rows alone: ends the versions of rows that the
    model has not any more, as `hard_deletes: invalidate` would. The time is the one
    that dbt gives to all other changes. Nothing with `--empty`, which reads no rows.
-#}
{% macro end_removed_rows(model_name) -%}
    {%- set key = config.get('unique_key') -%}
    {%- if not flags.EMPTY -%}
    update {{ this }} set dbt_valid_to = {{ snapshot_get_time() }}
    where
        dbt_valid_to is null
        and not exists (
            select 1 from {{ ref(model_name) }} as present where present.{{ key }} = {{ this }}.{{ key }}
        )
    {%- endif -%}
{%- endmacro %}
