-- The ends of an edge are in one component, a node without an edge is one by itself, and components
-- and clusters are named by their smallest node. The resolution finds by them what to do again.

{{ config(meta={'checked': 'weekly'}) }}

with clusters as (

    select * from {{ ref('int_identity__clusters') }}

),

edges as (

    select * from {{ ref('int_identity__edges') }}
    where is_present

),

linked as (

    select left_node_id as node_id from edges
    union
    select right_node_id as node_id from edges

)

select edges.left_node_id as node_id
from edges
left join clusters as left_end on edges.left_node_id = left_end.node_id
left join clusters as right_end on edges.right_node_id = right_end.node_id
where left_end.component_id is distinct from right_end.component_id or left_end.node_id is null
union all
select clusters.node_id
from clusters
left join linked on clusters.node_id = linked.node_id
where linked.node_id is null and clusters.component_id <> clusters.node_id
union all
select component_id as node_id
from clusters
group by component_id
having min(node_id) <> component_id
union all
select cluster_id as node_id
from clusters
group by cluster_id
having min(node_id) <> cluster_id or min(component_id) <> max(component_id)
