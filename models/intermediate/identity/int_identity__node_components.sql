-- Nodes without a merging link are a component of their own; they never visit Python.

with nodes as (

    select * from {{ ref('int_identity__nodes') }}

),

components as (

    select * from {{ ref('int_identity__components') }}

),

final as (

    select
        nodes.node_id,
        coalesce(components.component_id, nodes.node_id) as component_id,
        nodes.id_type,
        nodes.id_value,
        nodes.priority,
        nodes.first_seen
    from nodes
    left join components on nodes.node_id = components.node_id

)

select * from final
