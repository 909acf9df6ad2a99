-- An override has no effect if an end is blocklisted or if no source shows it: a typing error, or
-- an identifier that is gone.

{{ config(severity='warn', meta={'checked': 'weekly'}) }}

with overrides as (

    select * from {{ ref('int_identity__overrides') }}

),

nodes as (

    select * from {{ ref('int_identity__nodes') }}

)

select
    overrides.override,
    overrides.left_id_type,
    overrides.left_id_value,
    overrides.right_id_type,
    overrides.right_id_value
from overrides
left join nodes as left_node on overrides.left_node_id = left_node.node_id
left join nodes as right_node on overrides.right_node_id = right_node.node_id
where left_node.node_id is null or right_node.node_id is null
