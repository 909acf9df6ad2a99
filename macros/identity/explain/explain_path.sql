{#-
    The links that join two identifiers of one person, from a to b; no row where they are two
    people's, or one and the same. Of all paths the one whose weakest link is strongest, then the
    shortest. Both in one search would be wrong: a longer way may be stronger up to the middle and
    no stronger at the end. So first how strong a path can be, then the shortest of the links that
    are at least so strong.

    Only the cluster's own edges are searched, and a node is visited again only by a stronger path, so
    the search ends and paths are not enumerated.
-#}
{% macro explain_path() -%}
    with recursive a as materialized (

        select * from explain_node(a_type, a_value)

    ),

    b as materialized (

        select * from explain_node(b_type, b_value)

    ),

    cluster_nodes as materialized (

        select clusters.node_id
        from {{ explain_table('int_identity__clusters') }} as clusters
        inner join a on clusters.cluster_id = a.cluster_id
        inner join b on clusters.cluster_id = b.cluster_id

    ),

    edges as materialized (

        select left_node_id, right_node_id, confidence
        from {{ explain_table('int_identity__edges') }}
        where
            is_present
            and left_node_id in (select cluster_nodes.node_id from cluster_nodes)
            and right_node_id in (select cluster_nodes.node_id from cluster_nodes)

    ),

    steps as materialized (

        select left_node_id as from_node_id, right_node_id as to_node_id, confidence from edges
        union all
        select right_node_id as from_node_id, left_node_id as to_node_id, confidence from edges

    ),

    widest (node_id, width) using key (node_id) as (

        select a.node_id, cast(1 as double) from a inner join b on a.cluster_id = b.cluster_id
        union
        select steps.to_node_id, max(least(widest.width, steps.confidence))
        from widest
        inner join steps on widest.node_id = steps.from_node_id
        left join recurring.widest as best on steps.to_node_id = best.node_id
        where best.node_id is null or least(widest.width, steps.confidence) > best.width
        group by steps.to_node_id

    ),

    -- Ties go to the strongest last link, then to the smallest node_id, which is a hash of the
    -- identifier: the answer is the same on every machine.
    -- The width travels along: as a CTE of its own it would be put into the recursion, and the
    -- search above be done again in every round.
    found (node_id, hops, from_node_id, width) using key (node_id) as (

        select a.node_id, 0, cast(null as bigint), widest.width
        from a
        cross join b
        inner join widest on b.node_id = widest.node_id
        union
        select
            steps.to_node_id,
            min(found.hops) + 1,
            arg_min(found.node_id, row(-steps.confidence, found.node_id)),
            min(found.width)
        from found
        inner join steps
            on found.node_id = steps.from_node_id and found.width <= steps.confidence
        left join recurring.found as visited on steps.to_node_id = visited.node_id
        where visited.node_id is null
        group by steps.to_node_id

    ),

    reached as materialized (

        select * from found

    ),

    walked (node_id, hops, from_node_id) as (

        select reached.node_id, reached.hops, reached.from_node_id
        from reached
        inner join b on reached.node_id = b.node_id
        union all
        select reached.node_id, reached.hops, reached.from_node_id
        from walked
        inner join reached on walked.from_node_id = reached.node_id

    ),

    path as materialized (

        select
            hops as step,
            from_node_id,
            node_id as to_node_id,
            exists (
                select 1
                from edges
                where
                    edges.left_node_id = walked.from_node_id
                    and edges.right_node_id = walked.node_id
            ) as is_forward
        from walked
        where hops > 0

    ),

    -- The best link of each pair, and how many more say the same.
    links as (

        select
            path.step,
            path.from_node_id,
            path.to_node_id,
            links.source_channel,
            links.method,
            links.confidence,
            links.first_seen,
            links.last_seen,
            links.times_seen,
            count(*) over (partition by path.step) as link_count
        from path
        inner join {{ explain_table('int_identity__links') }} as links
            on
                case when path.is_forward then path.from_node_id else path.to_node_id end
                = links.left_node_id
                and case when path.is_forward then path.to_node_id else path.from_node_id end
                = links.right_node_id
        where links.link_status = 'merging'
        qualify row_number() over (
            partition by path.step
            order by links.confidence desc, links.method asc, links.source_channel asc
        ) = 1

    )

    select
        links.step,
        from_node.id_type as from_id_type,
        from_node.id_value as from_id_value,
        to_node.id_type as to_id_type,
        to_node.id_value as to_id_value,
        links.source_channel,
        links.method,
        links.confidence,
        links.first_seen,
        links.last_seen,
        links.times_seen,
        links.link_count,
        links.confidence = min(links.confidence) over () as is_weakest
    from links
    inner join {{ explain_table('int_identity__nodes') }} as from_node
        on links.from_node_id = from_node.node_id
    inner join {{ explain_table('int_identity__nodes') }} as to_node
        on links.to_node_id = to_node.node_id
    order by links.step
{%- endmacro %}
