{#- Links that don't join two identifiers, with the reason; `links` is the CTE that holds them. -#}
{% macro explain_unmerged(links) -%}
    select
        links.step,
        case when links.link_status = 'merging' then 'refused' else links.link_status end as link_status,
        rejections.constraint_name,
        case links.link_status
            when 'merging' then rejections.reason
            when 'inactive' then 'its source has withdrawn it'
            when 'low_confidence'
                then 'confidence ' || links.confidence || ' is under identity_min_confidence '
                    || '{{ var("identity_min_confidence") }}'
            when 'shared_value'
                then case
                    when coalesce(from_shared.hub_count, 0) > coalesce(to_shared.hub_count, 0)
                        then from_shared.id_type || ':' || from_shared.id_value
                    else to_shared.id_type || ':' || to_shared.id_value
                end || ' is shared: it is linked to '
                || greatest(from_shared.hub_count, to_shared.hub_count)
                || ' person-unique identifiers'
        end as reason,
        from_node.id_type as from_id_type,
        from_node.id_value as from_id_value,
        from_map.one_id as from_one_id,
        to_node.id_type as to_id_type,
        to_node.id_value as to_id_value,
        to_map.one_id as to_one_id,
        links.source_channel,
        links.method,
        links.confidence,
        links.first_seen,
        links.last_seen,
        links.times_seen
    from {{ links }} as links
    inner join {{ explain_table('int_identity__nodes') }} as from_node
        on links.from_node_id = from_node.node_id
    inner join {{ explain_table('int_identity__nodes') }} as to_node
        on links.to_node_id = to_node.node_id
    left join {{ explain_table('id_map') }} as from_map
        on from_node.id_type = from_map.id_type and from_node.id_value = from_map.id_value
    left join {{ explain_table('id_map') }} as to_map
        on to_node.id_type = to_map.id_type and to_node.id_value = to_map.id_value
    left join (
        select
            left_id_type as from_id_type,
            left_id_value as from_id_value,
            right_id_type as to_id_type,
            right_id_value as to_id_value,
            constraint_name,
            reason
        from {{ explain_table('id_link_rejections') }}
        union all
        select
            right_id_type, right_id_value, left_id_type, left_id_value, constraint_name, reason
        from {{ explain_table('id_link_rejections') }}
    ) as rejections
        on
            links.link_status = 'merging'
            and from_node.id_type = rejections.from_id_type
            and from_node.id_value = rejections.from_id_value
            and to_node.id_type = rejections.to_id_type
            and to_node.id_value = rejections.to_id_value
    left join {{ explain_table('int_identity__shared_values') }} as from_shared
        on links.link_status = 'shared_value' and links.from_node_id = from_shared.node_id
    left join {{ explain_table('int_identity__shared_values') }} as to_shared
        on links.link_status = 'shared_value' and links.to_node_id = to_shared.node_id
{%- endmacro %}

{#- The links of a person's identifiers that joined nobody: refused, shared, too weak, withdrawn. -#}
{% macro explain_relations() -%}
    with given as materialized (

        select * from explain_node(a_type, a_value)

    ),

    members as materialized (

        select node_id from given
        union
        select clusters.node_id
        from {{ explain_table('int_identity__clusters') }} as clusters
        inner join given on clusters.cluster_id = given.cluster_id

    ),

    marked as (

        select
            links.*,
            links.left_node_id in (select members.node_id from members) as is_left_ours,
            links.right_node_id in (select members.node_id from members) as is_right_ours
        from {{ explain_table('int_identity__links') }} as links

    ),

    touching as materialized (

        select
            0 as step,
            case when is_left_ours then left_node_id else right_node_id end as from_node_id,
            case when is_left_ours then right_node_id else left_node_id end as to_node_id,
            source_channel, method, link_status, confidence, first_seen, last_seen, times_seen
        from marked
        where
            (is_left_ours or is_right_ours)
            and (link_status <> 'merging' or not (is_left_ours and is_right_ours))

    ),

    unmerged as (

        {{ explain_unmerged('touching') }}

    )

    select * exclude (step)
    from unmerged
    order by
        link_status = 'refused' desc, link_status, from_id_type, from_id_value, to_id_type,
        to_id_value, source_channel, method
{%- endmacro %}

{#-
    Why two identifiers are two people's: the fewest links that don't merge by which one comes from
    a's person to b's, over other people where none leads straight, and each one's reason; and a
    cannot_link of seeds/id_link_overrides.csv between the two. No row: no link leads there.

    What stands between two people is searched, not every link: identifiers of one person are one
    place. All links straight from one to the other are listed, not only the best.
-#}
{% macro explain_apart() -%}
    with recursive a as materialized (

        select * from explain_node(a_type, a_value)

    ),

    b as materialized (

        select * from explain_node(b_type, b_value)

    ),

    -- Both directions of every link whose ends are two people's.
    bridges as materialized (

        select
            coalesce(left_cluster.cluster_id, links.left_node_id) as left_cluster_id,
            coalesce(right_cluster.cluster_id, links.right_node_id) as right_cluster_id,
            links.*
        from {{ explain_table('int_identity__links') }} as links
        left join {{ explain_table('int_identity__clusters') }} as left_cluster
            on links.left_node_id = left_cluster.node_id
        left join {{ explain_table('int_identity__clusters') }} as right_cluster
            on links.right_node_id = right_cluster.node_id
        where
            coalesce(left_cluster.cluster_id, links.left_node_id)
            <> coalesce(right_cluster.cluster_id, links.right_node_id)
            and exists (select 1 from a inner join b on a.cluster_id <> b.cluster_id)

    ),

    crossings as materialized (

        select
            left_cluster_id as from_cluster_id,
            right_cluster_id as to_cluster_id,
            left_node_id as from_node_id,
            right_node_id as to_node_id,
            source_channel, method, link_status, confidence, first_seen, last_seen, times_seen
        from bridges
        union all
        select
            right_cluster_id as from_cluster_id,
            left_cluster_id as to_cluster_id,
            right_node_id as from_node_id,
            left_node_id as to_node_id,
            source_channel, method, link_status, confidence, first_seen, last_seen, times_seen
        from bridges

    ),

    found (cluster_id, hops, from_cluster_id) using key (cluster_id) as (

        select a.cluster_id, 0, cast(null as bigint)
        from a
        inner join b on a.cluster_id <> b.cluster_id
        union
        select crossings.to_cluster_id, min(found.hops) + 1, min(found.cluster_id)
        from found
        inner join crossings on found.cluster_id = crossings.from_cluster_id
        left join recurring.found as visited on crossings.to_cluster_id = visited.cluster_id
        where
            visited.cluster_id is null
            -- Once b is there, the rest is of no interest.
            and not exists (
                select 1 from recurring.found as there inner join b on there.cluster_id = b.cluster_id
            )
        group by crossings.to_cluster_id

    ),

    reached as materialized (

        select * from found

    ),

    walked (cluster_id, hops, from_cluster_id) as (

        select reached.cluster_id, reached.hops, reached.from_cluster_id
        from reached
        inner join b on reached.cluster_id = b.cluster_id
        union all
        select reached.cluster_id, reached.hops, reached.from_cluster_id
        from walked
        inner join reached on walked.from_cluster_id = reached.cluster_id

    ),

    path as materialized (

        select
            walked.hops as step,
            crossings.*,
            max(walked.hops) over () as steps
        from walked
        inner join crossings
            on
                walked.from_cluster_id = crossings.from_cluster_id
                and walked.cluster_id = crossings.to_cluster_id
        qualify
            steps = 1
            or row_number() over (
                partition by walked.hops
                order by
                    crossings.link_status = 'merging' desc,
                    crossings.confidence desc,
                    crossings.from_node_id asc,
                    crossings.to_node_id asc,
                    crossings.source_channel asc,
                    crossings.method asc,
                    crossings.link_status asc
            ) = 1

    ),

    unmerged as (

        {{ explain_unmerged('path') }}

    ),

    both_directions as (

        select
            left_id_type as from_id_type,
            left_id_value as from_id_value,
            right_id_type as to_id_type,
            right_id_value as to_id_value,
            reason
        from {{ explain_table('int_identity__overrides') }}
        where override = 'cannot_link'
        union
        select right_id_type, right_id_value, left_id_type, left_id_value, reason
        from {{ explain_table('int_identity__overrides') }}
        where override = 'cannot_link'

    ),

    forbidden as (

        select
            0 as step,
            'cannot_link' as link_status,
            'cannot_link' as constraint_name,
            'seeds/id_link_overrides.csv: ' || coalesce(overrides.reason, 'no reason given') as reason,
            overrides.from_id_type,
            overrides.from_id_value,
            from_map.one_id as from_one_id,
            overrides.to_id_type,
            overrides.to_id_value,
            to_map.one_id as to_one_id
        from both_directions as overrides
        inner join {{ explain_table('id_map') }} as from_map
            on
                overrides.from_id_type = from_map.id_type
                and overrides.from_id_value = from_map.id_value
        inner join {{ explain_table('id_map') }} as to_map
            on overrides.to_id_type = to_map.id_type and overrides.to_id_value = to_map.id_value
        inner join a on from_map.one_id = a.one_id
        inner join b on to_map.one_id = b.one_id

    ),

    reasons as (

        select * from forbidden
        union all by name
        select * from unmerged

    )

    select *
    from reasons
    order by
        step, link_status = 'refused' desc, link_status, from_id_type, from_id_value, to_id_type,
        to_id_value, source_channel, method
{%- endmacro %}
