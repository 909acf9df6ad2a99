-- The one_id of each customer: of those whose root the cluster holds, the one minted first. The
-- others stay reserved: when a split separates their root again, the side that holds it gets them
-- back.

{{ config(materialized='table') }}

with node_clusters as (

    select * from {{ ref('int_identity__node_clusters') }}
    where is_customer

),

one_ids as (

    select
        *,
        {{ node_id('root_id_type', 'root_id_value') }} as root_node_id
    from {{ ref('int_identity__one_ids') }}

),

ranked as (

    select
        node_clusters.cluster_id,
        one_ids.root_node_id,
        one_ids.one_id,
        one_ids.one_int,
        row_number() over (
            partition by node_clusters.cluster_id order by one_ids.one_int
        ) as mint_rank
    from one_ids
    inner join node_clusters on one_ids.root_node_id = node_clusters.node_id

),

final as (

    select
        cluster_id,
        root_node_id,
        one_id,
        one_int
    from ranked
    where mint_rank = 1

)

select * from final
