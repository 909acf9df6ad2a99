-- The edges inside clusters: what confidence and explanation walk along.

with edges as (

    select * from {{ ref('int_identity__edges') }}
    where is_present

),

clusters as (

    select * from {{ ref('int_identity__clusters') }}

),

final as (

    select
        edges.left_node_id,
        edges.right_node_id,
        edges.confidence,
        edges.method_rank,
        left_end.cluster_id,
        left_end.resolved_to
    from edges
    inner join clusters as left_end on edges.left_node_id = left_end.node_id
    inner join clusters as right_end on edges.right_node_id = right_end.node_id
    where left_end.cluster_id = right_end.cluster_id

)

select * from final
