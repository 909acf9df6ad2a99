{#- The time of the last change of a table, in a query of that table: of its rows or of removed ones. -#}
{% macro latest_stamp(upstream, column) -%}
    greatest(
        max({{ column }}),
        (
            select max(removed.removed_at) from audit.removed_rows as removed
            where removed.model = '{{ upstream }}'
        )
    )
{%- endmacro %}
