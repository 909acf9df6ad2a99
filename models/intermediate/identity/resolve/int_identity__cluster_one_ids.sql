-- The one_id of each customer: of those whose root the cluster holds, the one minted first. The
-- others stay reserved: when a split separates their root again, the side that holds it gets them
-- back.
-- Key: cluster_id. New: clusters with a changed identifier, or that lost one. A rebuild gives the
-- same rows, except for changed_at.

{%- set since = keyed_increment(
    unique_key='cluster_id',
    stamps={'int_identity__node_clusters': 'changed_at'},
    looks_up=['int_identity__one_ids'],
    removed_keys=['cluster_id'],
) %}

with node_clusters as (

    select * from {{ ref('int_identity__node_clusters') }}

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

one_ids as (

    select
        one_id,
        one_int,
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
    {{ of_touched('node_clusters', ['cluster_id']) if since }}
    where node_clusters.is_customer

),

present as (

    select
        cluster_id,
        root_node_id,
        one_id,
        one_int
    from ranked
    where mint_rank = 1

),

{{ differences(
    'present',
    ['cluster_id'],
    ['root_node_id', 'one_id', 'one_int'],
    touched=['touched', ['cluster_id']] if since else none,
) }}

select * from final
