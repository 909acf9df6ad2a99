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
        nodes.node_id,
        coalesce(clusters.cluster_id, nodes.node_id) as cluster_id,
        nodes.id_type,
        nodes.id_value,
        id_map.one_id,
        id_map.confidence
    from given
    inner join {{ explain_table('int_identity__nodes') }} as nodes
        on given.id_type = nodes.id_type and given.id_value = nodes.id_value
    left join {{ explain_table('int_identity__clusters') }} as clusters
        on nodes.node_id = clusters.node_id
    left join {{ explain_table('id_map') }} as id_map
        on given.id_type = id_map.id_type and given.id_value = id_map.id_value
{%- endmacro %}

{#- What an unknown identifier may have been meant to be, best guess first. -#}
{% macro explain_near() -%}
    with typed as (

        select lower(trim(cast(a_type as varchar))) as id_type, cast(a_value as varchar) as id_value

    ),

    given as (

        select
            id_type,
            coalesce({{ normalize_identifier('id_type', 'id_value') }}, '') as id_value
        from typed

    ),

    guesses as (

        select
            nodes.id_type,
            nodes.id_value,
            nodes.id_type = given.id_type as is_same_type,
            case
                when lower(nodes.id_value) = lower(given.id_value) then 0
                -- Two slips of the finger, and fewer in a short value.
                when
                    nodes.id_type = given.id_type
                    and abs(length(nodes.id_value) - length(given.id_value)) <= 2
                    then damerau_levenshtein(lower(nodes.id_value), lower(given.id_value))
            end as distance,
            least(2, length(given.id_value) // 3) as most
        from given
        cross join {{ explain_table('int_identity__nodes') }} as nodes

    )

    select id_type, id_value
    from guesses
    where distance <= most or distance = 0
    order by distance, is_same_type desc, id_type, id_value
    limit 3
{%- endmacro %}

{#- All identifiers of the person whom the given one belongs to, the root first. -#}
{% macro explain_identifier() -%}
    with given as materialized (

        select * from explain_node(a_type, a_value)

    )

    select
        id_map.one_id,
        id_map.one_int,
        id_map.id_type,
        id_map.id_value,
        id_map.source_channel,
        id_map.confidence,
        id_map.first_seen,
        id_map.last_seen,
        id_map.is_active,
        id_map.id_type = one_ids.root_id_type and id_map.id_value = one_ids.root_id_value as is_root,
        id_map.id_type = given.id_type and id_map.id_value = given.id_value as is_given
    from given
    inner join {{ explain_table('id_map') }} as id_map on given.one_id = id_map.one_id
    inner join {{ explain_table('int_identity__one_ids') }} as one_ids
        on given.one_id = one_ids.one_id
    inner join {{ explain_table('id_types') }} as id_types on id_map.id_type = id_types.id_type
    order by is_root desc, id_types.priority, id_map.id_value
{%- endmacro %}

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
