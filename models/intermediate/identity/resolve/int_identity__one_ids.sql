-- Key: one_id. Append-only and protected from --full-refresh: a one_id is never minted again,
-- renumbered or reused.
-- New: a cluster with an active identifier that holds the root of no one_id yet. It mints one from
-- its first identifier by (first_seen, priority, value). A rebuild in an empty warehouse from the
-- same raw data, loaded in the same order, mints the same one_ids and the same integers.

{{ config(materialized='incremental', incremental_strategy='append', full_refresh=false) }}

with node_clusters as (

    select * from {{ ref('int_identity__node_clusters') }}
    where is_customer

),

{%- if is_incremental() %}

minted_roots as (

    select {{ node_id('root_id_type', 'root_id_value') }} as root_node_id
    from {{ this }}

),

claimed as (

    select distinct node_clusters.cluster_id
    from node_clusters
    inner join minted_roots on node_clusters.node_id = minted_roots.root_node_id

),

unclaimed as (

    select node_clusters.*
    from node_clusters
    left join claimed on node_clusters.cluster_id = claimed.cluster_id
    where claimed.cluster_id is null

),
{%- endif %}

roots as (

    select
        id_type,
        id_value,
        priority,
        first_seen,
        row_number() over (
            partition by cluster_id
            order by first_seen asc nulls last, priority asc, id_value asc
        ) as rank_in_cluster
    from {{ 'unclaimed' if is_incremental() else 'node_clusters' }}

),

final as (

    select
        'ONE' || left({{ sha256_hex("id_type || ':' || id_value") }}, 16) as one_id,
        cast(
            {% if is_incremental() -%}
                (select coalesce(max(minted.one_int), 0) from {{ this }} as minted) +
            {% endif -%}
            row_number() over (
                order by first_seen asc nulls last, priority asc, id_value asc, id_type asc
            ) as bigint
        ) as one_int,
        id_type as root_id_type,
        id_value as root_id_value,
        '{{ invocation_id }}' as minted_by
    from roots
    where rank_in_cluster = 1

)

select * from final
