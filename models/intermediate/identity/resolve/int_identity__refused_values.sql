-- The identifiers on both sides of every refused pair of clusters, with the period in which each
-- was held: for a type with a window, from its first link to window_days after its last. A missing
-- date leaves the period open at that end.

with refused_pairs as (

    select distinct
        lower_cluster_id,
        upper_cluster_id
    from {{ ref('int_identity__refused_edges') }}

),

node_clusters as (

    select * from {{ ref('int_identity__node_clusters') }}

),

edges as (

    select * from {{ ref('int_identity__edges') }}
    where is_present

),

id_types as (

    select * from {{ ref('id_types') }}

),

sides as (

    select
        lower_cluster_id,
        upper_cluster_id,
        lower_cluster_id as cluster_id
    from refused_pairs
    union all
    select
        lower_cluster_id,
        upper_cluster_id,
        upper_cluster_id as cluster_id
    from refused_pairs

),

sides_with_values as (

    select
        sides.lower_cluster_id,
        sides.upper_cluster_id,
        sides.cluster_id,
        node_clusters.node_id,
        id_types.id_type,
        id_types.priority,
        id_types.max_values,
        id_types.window_days
    from sides
    inner join node_clusters on sides.cluster_id = node_clusters.cluster_id
    inner join id_types on node_clusters.priority = id_types.priority

),

windowed_nodes as (

    select distinct node_id
    from sides_with_values
    where window_days is not null

),

seen as (

    select
        windowed_nodes.node_id,
        edges.first_seen,
        edges.last_seen
    from edges
    inner join windowed_nodes on edges.left_node_id = windowed_nodes.node_id
    union all
    select
        windowed_nodes.node_id,
        edges.first_seen,
        edges.last_seen
    from edges
    inner join windowed_nodes on edges.right_node_id = windowed_nodes.node_id

),

held as (

    select
        node_id,
        case when count(first_seen) = count(*) then min(first_seen) end as held_from,
        case when count(last_seen) = count(*) then max(last_seen) end as last_seen
    from seen
    group by node_id

),

final as (

    select
        sides_with_values.*,
        coalesce(held.held_from, cast('0001-01-01' as timestamp)) as held_from,
        coalesce(
            {{ dbt.dateadd('day', 'sides_with_values.window_days', 'held.last_seen') }}, -- noqa: LT05
            cast('9999-12-31' as timestamp)
        ) as held_until
    from sides_with_values
    left join held on sides_with_values.node_id = held.node_id

)

select * from final
