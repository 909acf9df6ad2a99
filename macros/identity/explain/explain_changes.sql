{#- When the person's one_id changed, and by which link. -#}
{% macro explain_changes() -%}
    with given as materialized (

        select * from explain_node(a_type, a_value)

    )

    select changes.*
    from {{ explain_table('id_map_changes') }} as changes
    where
        changes.from_one_id in (select given.one_id from given)
        or changes.to_one_id in (select given.one_id from given)
    order by changes.changed_at, changes.kind, changes.from_one_id, changes.to_one_id
{%- endmacro %}
