-- The map with what explanations search by: the cluster of each identifier and whether it is the
-- root of its one_id.

with map as (

    select * from {{ ref('int_identity__map') }}

),

one_ids as (

    select * from {{ ref('int_identity__one_ids') }}

),

cluster_one_ids as (

    select * from {{ ref('int_identity__cluster_one_ids') }}

),

final as (

    select
        map.node_id,
        -- Who has no active identifier left is a cluster of their own; node ids are positive.
        coalesce(cluster_one_ids.cluster_id, -map.one_int) as cluster_id,
        map.one_id,
        map.one_int,
        map.id_type,
        map.id_value,
        map.source_channel,
        map.confidence,
        map.first_seen,
        map.last_seen,
        map.is_active,
        map.id_type = one_ids.root_id_type and map.id_value = one_ids.root_id_value as is_root
    from map
    inner join one_ids on map.one_int = one_ids.one_int
    left join cluster_one_ids on map.one_int = cluster_one_ids.one_int

)

select * from final
