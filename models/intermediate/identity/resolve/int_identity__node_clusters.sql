-- Isolated nodes form single-node clusters and bypass the Python model.

with nodes as (

    select * from {{ ref('int_identity__nodes') }}

),

clusters as (

    select * from {{ ref('int_identity__clusters') }}

),

final as (

    select
        nodes.node_id,
        coalesce(clusters.cluster_id, nodes.node_id) as cluster_id,
        nodes.id_type,
        nodes.id_value,
        nodes.priority,
        nodes.first_seen
    from nodes
    left join clusters on nodes.node_id = clusters.node_id

)

select * from final
