-- A merging link joins one customer, or it is a rejection that names its constraint: the map that
-- readers see and the links that made it say the same. A must_link between two identifiers that are
-- inactive joins no customer: both keep the one_id that they had last.

{{ config(meta={'checked': 'weekly'}) }}

with edges as (

    select * from {{ ref('int_identity__edges') }}
    where is_present

),

map as (

    select * from {{ ref('int_identity__map') }}

),

rejections as (

    select
        {{ node_id('left_id_type', 'left_id_value') }} as left_node_id,
        {{ node_id('right_id_type', 'right_id_value') }} as right_node_id,
        constraint_name
    from {{ ref('id_link_rejections') }}

)

select
    edges.left_node_id,
    edges.right_node_id,
    left_end.one_id as left_one_id,
    right_end.one_id as right_one_id,
    rejections.constraint_name
from edges
left join map as left_end on edges.left_node_id = left_end.node_id
left join map as right_end on edges.right_node_id = right_end.node_id
left join rejections
    on
        edges.left_node_id = rejections.left_node_id
        and edges.right_node_id = rejections.right_node_id
where
    (left_end.is_active or right_end.is_active)
    and (
        left_end.one_id is null
        or right_end.one_id is null
        or (left_end.one_id = right_end.one_id) = (rejections.left_node_id is not null)
    )
