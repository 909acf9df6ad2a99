-- Edges whose ends the resolution kept apart: exactly those that would have broken a constraint.
-- Few, and read by all that looks for the reasons.

{{ config(materialized='table') }}

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
        edges.left_priority,
        edges.right_priority,
        edges.method_rank,
        edges.confidence,
        edges.first_seen,
        left_end.cluster_id as left_cluster_id,
        right_end.cluster_id as right_cluster_id,
        -- A pair of clusters, whichever side the edge comes from.
        least(left_end.cluster_id, right_end.cluster_id) as lower_cluster_id,
        greatest(left_end.cluster_id, right_end.cluster_id) as upper_cluster_id
    from edges
    inner join clusters as left_end on edges.left_node_id = left_end.node_id
    inner join clusters as right_end on edges.right_node_id = right_end.node_id
    where left_end.cluster_id <> right_end.cluster_id

)

select * from final
