-- Whether the resolution kept each edge. An edge between two clusters was refused, since it would
-- have broken a constraint; confidences and explanations follow the kept ones.

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
        edges.method_rank,
        edges.confidence,
        edges.first_seen,
        left_end.cluster_id = right_end.cluster_id as is_kept,
        left_end.resolved_through_at
    from edges
    inner join clusters as left_end on edges.left_node_id = left_end.node_id
    inner join clusters as right_end on edges.right_node_id = right_end.node_id

)

select * from final
