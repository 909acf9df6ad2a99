{{ config(materialized='table') }}

with rejections as (

    select * from {{ ref('int_identity__rejections') }}

),

map as (

    select * from {{ ref('int_identity__map') }}

),

final as (

    select
        left_end.id_type as left_id_type,
        left_end.id_value as left_id_value,
        right_end.id_type as right_id_type,
        right_end.id_value as right_id_value,
        left_end.one_id as left_one_id,
        right_end.one_id as right_one_id,
        rejections.constraint_name,
        rejections.constrained_id_type,
        rejections.reason,
        case rejections.method_rank
            when 0 then 'manual'
            when 1 then 'deterministic'
            else 'probabilistic'
        end as method,
        rejections.confidence,
        rejections.first_seen
    from rejections
    inner join map as left_end on rejections.left_node_id = left_end.node_id
    inner join map as right_end on rejections.right_node_id = right_end.node_id

)

select * from final
