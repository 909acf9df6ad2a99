{{ config(materialized='table') }}

with refused_edges as (

    select * from {{ ref('int_identity__edge_outcomes') }}
    where not is_kept

),

broken_constraints as (

    select * from {{ ref('int_identity__broken_constraints') }}

),

map as (

    select * from {{ ref('int_identity__map') }}

),

-- Of several, the one that weighs most: a person's word, then the types by priority, then size.
first_broken as (

    select
        *,
        row_number() over (
            partition by lower_cluster_id, upper_cluster_id order by constraint_rank, reason
        ) as place
    from broken_constraints

),

final as (

    select
        left_end.id_type as left_id_type,
        left_end.id_value as left_id_value,
        right_end.id_type as right_id_type,
        right_end.id_value as right_id_value,
        left_end.one_id as left_one_id,
        right_end.one_id as right_one_id,
        first_broken.constraint_name,
        first_broken.id_type as constrained_id_type,
        first_broken.reason,
        case refused_edges.method_rank
            when 0 then 'manual'
            when 1 then 'deterministic'
            else 'probabilistic'
        end as method,
        refused_edges.confidence,
        refused_edges.first_seen
    from refused_edges
    inner join map as left_end on refused_edges.left_node_id = left_end.node_id
    inner join map as right_end on refused_edges.right_node_id = right_end.node_id
    left join first_broken
        on
            refused_edges.lower_cluster_id = first_broken.lower_cluster_id
            and refused_edges.upper_cluster_id = first_broken.upper_cluster_id
            and first_broken.place = 1

)

select * from final
