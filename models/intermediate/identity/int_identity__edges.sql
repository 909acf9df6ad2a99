-- The graph as the algorithms want it: dense integers, each pair once, at its best confidence.

with links as (

    select * from {{ ref('int_identity__links') }}
    where is_merging

),

nodes as (

    select * from {{ ref('int_identity__nodes') }}

),

final as (

    select
        left_node.node_id as left_node_id,
        right_node.node_id as right_node_id,
        max(links.confidence) as confidence
    from links
    inner join nodes as left_node
        on links.left_id_type = left_node.id_type and links.left_id_value = left_node.id_value
    inner join nodes as right_node
        on links.right_id_type = right_node.id_type and links.right_id_value = right_node.id_value
    group by left_node.node_id, right_node.node_id

)

select * from final
