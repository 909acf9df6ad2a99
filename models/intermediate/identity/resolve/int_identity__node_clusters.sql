-- Isolated nodes form single-node clusters and bypass the Python model.

with nodes as (

    select * from {{ ref('int_identity__nodes') }}

),

clusters as (

    select * from {{ ref('int_identity__clusters') }}

),

clustered as (

    select
        nodes.node_id,
        coalesce(clusters.cluster_id, nodes.node_id) as cluster_id,
        nodes.id_type,
        nodes.id_value,
        nodes.priority,
        nodes.first_seen,
        nodes.is_active
    from nodes
    left join clusters on nodes.node_id = clusters.node_id

),

-- Only a must_link joins an inactive identifier to active ones.
inactive_clusters as (

    select cluster_id
    from clustered
    group by cluster_id
    having not bool_or(is_active)

),

final as (

    select
        clustered.node_id,
        clustered.cluster_id,
        clustered.id_type,
        clustered.id_value,
        clustered.priority,
        clustered.first_seen,
        inactive_clusters.cluster_id is null as is_customer
    from clustered
    left join inactive_clusters on clustered.cluster_id = inactive_clusters.cluster_id

)

select * from final
