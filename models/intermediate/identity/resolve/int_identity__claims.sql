-- Which one_id a cluster carries now: of those whose root it holds, the one minted first. The
-- others rest; when a link is withdrawn and their root stands alone again, they are back.

{{ config(materialized='table') }}

with node_clusters as (

    select * from {{ ref('int_identity__node_clusters') }}

),

one_ids as (

    select
        *,
        {{ node_id('root_id_type', 'root_id_value') }} as root_node_id
    from {{ ref('int_identity__one_ids') }}

),

claims as (

    select
        node_clusters.cluster_id,
        one_ids.root_node_id,
        one_ids.one_id,
        one_ids.one_int,
        row_number() over (
            partition by node_clusters.cluster_id order by one_ids.one_int
        ) as claim_rank
    from one_ids
    inner join node_clusters on one_ids.root_node_id = node_clusters.node_id

),

final as (

    select
        cluster_id,
        root_node_id,
        one_id,
        one_int
    from claims
    where claim_rank = 1

)

select * from final
