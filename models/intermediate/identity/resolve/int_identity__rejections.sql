-- Each refused edge with the first constraint that it would break: cannot-links, then the types by
-- priority, then the size.

{{ config(materialized='table') }}

with refused_edges as (

    select * from {{ ref('int_identity__refused_edges') }}

),

broken_constraints as (

    select * from {{ ref('int_identity__broken_constraints') }}

),

ranked as (

    select
        *,
        row_number() over (
            partition by lower_cluster_id, upper_cluster_id order by constraint_rank, reason
        ) as place
    from broken_constraints

),

final as (

    select
        refused_edges.left_node_id,
        refused_edges.right_node_id,
        ranked.constraint_name,
        ranked.id_type as constrained_id_type,
        ranked.reason,
        refused_edges.method_rank,
        refused_edges.confidence,
        refused_edges.first_seen
    from refused_edges
    left join ranked
        on
            refused_edges.lower_cluster_id = ranked.lower_cluster_id
            and refused_edges.upper_cluster_id = ranked.upper_cluster_id
            and ranked.place = 1

)

select * from final
