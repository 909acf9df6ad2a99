-- The map with what explanations search by: the cluster of each identifier and whether it is the
-- root of its one_id.

with map as (

    select * from {{ ref('int_identity__map') }}

),

cluster_one_ids as (

    select * from {{ ref('int_identity__cluster_one_ids') }}

),

final as (

    select
        map.node_id,
        cluster_one_ids.cluster_id,
        map.one_id,
        map.one_int,
        map.id_type,
        map.id_value,
        map.source_channel,
        map.confidence,
        map.first_seen,
        map.last_seen,
        map.is_active,
        map.node_id = cluster_one_ids.root_node_id as is_root
    from map
    inner join cluster_one_ids on map.one_int = cluster_one_ids.one_int

)

select * from final
