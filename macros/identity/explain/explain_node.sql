{#- One identifier, given in any spelling or as ('one_id', 'ONE...'), which stands for its root. -#}
{% macro explain_node() -%}
    with typed as (

        select lower(trim(cast(a_type as varchar))) as id_type, cast(a_value as varchar) as id_value

    ),

    given as (

        select id_type, {{ normalize_identifier('id_type', 'id_value') }} as id_value from typed
        union all
        select one_ids.root_id_type, one_ids.root_id_value
        from typed
        inner join {{ explain_table('int_identity__one_ids') }} as one_ids
            on typed.id_type = 'one_id' and upper(trim(typed.id_value)) = upper(one_ids.one_id)

    )

    select
        identifiers.node_id,
        identifiers.cluster_id,
        identifiers.id_type,
        identifiers.id_value,
        identifiers.one_id,
        identifiers.confidence,
        identifiers.is_active
    from given
    inner join {{ explain_table('int_identity__explained_identifiers') }} as identifiers
        on given.id_type = identifiers.id_type and given.id_value = identifiers.id_value
{%- endmacro %}
