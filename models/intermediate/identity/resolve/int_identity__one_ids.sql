-- Key: one_id. Append-only and protected from --full-refresh: a one_id is never minted again,
-- renumbered or reused.
-- New: a cluster with an active identifier that holds the root of no one_id yet. It mints one from
-- its first identifier by (first_seen, priority, value). A rebuild in an empty warehouse from the
-- same raw data, loaded in the same order, mints the same one_ids and the same integers.

{%- set since = keyed_increment(
    unique_key='one_id',
    stamps={'int_identity__node_clusters': 'changed_at'},
) %}
{{ config(full_refresh=false) }}

with node_clusters as (

    select * from {{ ref('int_identity__node_clusters') }}
    where is_customer

),

nodes as (

    select * from {{ ref('int_identity__nodes') }}

),

{%- if since %}

touched as (

    select cluster_id from node_clusters
    where changed_at > {{ since.int_identity__node_clusters.stamp }}
    union
    select second_key as cluster_id
    from ({{ removed_since('int_identity__node_clusters', since) }})

),
{%- endif %}

candidates as (

    select
        node_clusters.node_id,
        node_clusters.cluster_id
    from node_clusters
    {{ of_touched('node_clusters', ['cluster_id']) if since }}

),

{%- if has_stored_rows() %}

minted_roots as (

    select {{ node_id('root_id_type', 'root_id_value') }} as root_node_id
    from {{ this }}

),

claimed as (

    select distinct candidates.cluster_id
    from candidates
    inner join minted_roots on candidates.node_id = minted_roots.root_node_id

),

unclaimed as (

    select candidates.*
    from candidates
    left join claimed on candidates.cluster_id = claimed.cluster_id
    where claimed.cluster_id is null

),
{%- endif %}

roots as (

    select
        nodes.id_type,
        nodes.id_value,
        nodes.priority,
        nodes.first_seen,
        row_number() over (
            partition by unclaimed.cluster_id
            order by nodes.first_seen asc nulls last, nodes.priority asc, nodes.id_value asc
        ) as rank_in_cluster
    from {{ 'unclaimed' if has_stored_rows() else 'candidates' }} as unclaimed
    inner join nodes on unclaimed.node_id = nodes.node_id

),

final as (

    select
        'ONE' || left({{ sha256_hex("id_type || ':' || id_value") }}, 16) as one_id,
        cast(
            {% if has_stored_rows() -%}
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
