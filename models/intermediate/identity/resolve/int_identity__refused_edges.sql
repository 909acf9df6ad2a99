-- The edges that the resolution refused, since each would have broken a constraint: they connect
-- two clusters of one component. Few components are divided, so only the edges of these are joined.

with edges as (

    select * from {{ ref('int_identity__edges') }}
    where is_present

),

clusters as (

    select * from {{ ref('int_identity__clusters') }}

),

divided as (

    select component_id
    from clusters
    group by component_id
    having min(cluster_id) <> max(cluster_id)

),

ends as (

    select
        clusters.node_id,
        clusters.cluster_id
    from clusters
    inner join divided on clusters.component_id = divided.component_id

),

final as (

    select
        edges.left_node_id,
        edges.right_node_id,
        edges.method_rank,
        edges.confidence,
        edges.first_seen,
        -- The two clusters in a fixed order, whichever side the edge comes from.
        least(left_end.cluster_id, right_end.cluster_id) as lower_cluster_id,
        greatest(left_end.cluster_id, right_end.cluster_id) as upper_cluster_id
    from edges
    inner join ends as left_end on edges.left_node_id = left_end.node_id
    inner join ends as right_end on edges.right_node_id = right_end.node_id
    where left_end.cluster_id <> right_end.cluster_id

)

select * from final
