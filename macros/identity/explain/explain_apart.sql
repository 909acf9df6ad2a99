{#-
    Why two identifiers belong to two people: the fewest unmerged links that lead from a's person to
    b's, over other people where none is direct, each with its reason; and a cannot_link of
    seeds/id_link_overrides.csv between the two. No row: no link leads there.

    The search visits people, not identifiers, and only the links between two people. All direct
    links from one to the other are listed, not only the best.
-#}
{% macro explain_apart() -%}
    with recursive a as materialized (

        select * from explain_node(a_type, a_value)

    ),

    b as materialized (

        select * from explain_node(b_type, b_value)

    ),

    crossings as materialized (

        select *
        from {{ explain_table('int_identity__unmerged_links') }}
        where
            from_cluster_id <> to_cluster_id
            and link_status <> 'cannot_link'
            and exists (select 1 from a inner join b on a.cluster_id <> b.cluster_id)

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
            -- The search ends when it reaches b.
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
                    crossings.link_status = 'refused' desc,
                    crossings.confidence desc,
                    crossings.from_node_id asc,
                    crossings.to_node_id asc,
                    crossings.source_channel asc,
                    crossings.method asc,
                    crossings.link_status asc
            ) = 1

    ),

    reasons as (

        select 0 as step, links.*
        from {{ explain_table('int_identity__unmerged_links') }} as links
        inner join a on links.from_cluster_id = a.cluster_id
        inner join b on links.to_cluster_id = b.cluster_id
        where links.link_status = 'cannot_link' and a.cluster_id <> b.cluster_id
        union all
        select * exclude (steps) from path

    )

    select
        step,
        link_status,
        constraint_name,
        reason,
        from_id_type,
        from_id_value,
        from_one_id,
        to_id_type,
        to_id_value,
        to_one_id,
        source_channel,
        method,
        confidence,
        first_seen,
        last_seen,
        times_seen
    from reasons
    order by
        step, link_status = 'refused' desc, link_status, from_id_type, from_id_value, to_id_type,
        to_id_value, source_channel, method
{%- endmacro %}
