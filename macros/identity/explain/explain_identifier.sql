{#- All identifiers of the person whom the given one belongs to, the root first. -#}
{% macro explain_identifier() -%}
    with given as materialized (

        select * from explain_node(a_type, a_value)

    )

    select
        identifiers.one_id,
        identifiers.one_int,
        identifiers.id_type,
        identifiers.id_value,
        identifiers.source_channel,
        identifiers.confidence,
        identifiers.first_seen,
        identifiers.last_seen,
        identifiers.is_active,
        identifiers.is_root,
        identifiers.node_id = given.node_id as is_given
    from given
    inner join {{ explain_table('int_identity__explained_identifiers') }} as identifiers
        on given.one_id = identifiers.one_id
    inner join {{ explain_table('id_types') }} as id_types
        on identifiers.id_type = id_types.id_type
    order by is_root desc, id_types.priority, identifiers.id_value
{%- endmacro %}
