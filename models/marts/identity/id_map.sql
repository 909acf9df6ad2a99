{{ config(materialized='table') }}

with nodes as (

    select * from {{ ref('int_identity__nodes') }}

),

node_components as (

    select * from {{ ref('int_identity__node_components') }}

),

clusters as (

    select * from {{ ref('int_identity__clusters') }}

),

confidences as (

    select * from {{ ref('int_identity__confidences') }}

),

final as (

    select
        clusters.one_id,
        clusters.one_int,
        nodes.id_type,
        nodes.id_value,
        nodes.source_channel,
        -- A node without a merging link is its own root.
        coalesce(confidences.confidence, 1.0) as confidence,
        nodes.first_seen,
        nodes.last_seen,
        nodes.is_active
    from nodes
    inner join node_components on nodes.node_id = node_components.node_id
    inner join clusters on node_components.component_id = clusters.component_id
    left join confidences on nodes.node_id = confidences.node_id

)

select * from final
