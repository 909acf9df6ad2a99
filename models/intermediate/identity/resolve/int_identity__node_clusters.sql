-- The cluster of every identifier. Isolated ones form clusters of their own and bypass the Python
-- model.
-- Key: node_id. New: identifiers that changed, or whose component was resolved again, with all
-- others of their clusters. A rebuild gives the same rows, except for changed_at.

{%- set since = keyed_increment(
    unique_key='node_id',
    stamps={'int_identity__nodes': 'changed_at', 'int_identity__clusters': 'changed_at'},
    removed_keys=['node_id', 'cluster_id'],
    columns={'former_cluster_id': 'bigint'},
) %}
{#- Readers look among the removed rows for clusters that lost an identifier. -#}
{{
    config(
        post_hook="""
            insert into audit.removed_rows (model, key, second_key, removed_at)
            select '{{ this.identifier }}', node_id, former_cluster_id, changed_at
            from {{ this }}
            where former_cluster_id is not null;
            update {{ this }} set former_cluster_id = null where former_cluster_id is not null
        """,
    )
}}

with nodes as (

    select * from {{ ref('int_identity__nodes') }}

),

clusters as (

    select * from {{ ref('int_identity__clusters') }}

),

{%- if since %}

changed as (

    select node_id from nodes
    where changed_at > {{ since.int_identity__nodes.stamp }}
    union
    select node_id from clusters
    where changed_at > {{ since.int_identity__clusters.stamp }}
    union
    select key as node_id from ({{ removed_since('int_identity__nodes', since) }})

),

changed_clusters as (

    select clusters.cluster_id
    from clusters
    inner join changed on clusters.node_id = changed.node_id
    union
    -- Those of before: a removed identifier may have been the only active one of its cluster.
    select stored.cluster_id
    from {{ this }} as stored
    inner join changed on stored.node_id = changed.node_id

),

touched as (

    select node_id from changed
    union
    select clusters.node_id
    from clusters
    inner join changed_clusters on clusters.cluster_id = changed_clusters.cluster_id

),
{%- endif %}

clustered as (

    select
        nodes.node_id,
        coalesce(clusters.cluster_id, nodes.node_id) as cluster_id,
        nodes.priority,
        nodes.is_active
    from nodes
    left join clusters on nodes.node_id = clusters.node_id
    {{ of_touched('nodes', ['node_id']) if since }}

),

-- Only a must_link joins an inactive identifier to active ones.
inactive_clusters as (

    select cluster_id
    from clustered
    group by cluster_id
    having not bool_or(is_active)

),

present as (

    select
        clustered.node_id,
        clustered.cluster_id,
        clustered.priority,
        inactive_clusters.cluster_id is null as is_customer
    from clustered
    left join inactive_clusters on clustered.cluster_id = inactive_clusters.cluster_id

),

{{ differences(
    'present',
    ['node_id'],
    ['cluster_id', 'priority', 'is_customer'],
    touched=['touched', ['node_id']] if since else none,
) }}

select
    final.*,
    {%- if has_stored_rows() %}
    case when earlier.cluster_id <> final.cluster_id then earlier.cluster_id end
    {%- else %}
    cast(null as bigint)
    {%- endif %} as former_cluster_id
from final
{%- if has_stored_rows() %}
left join {{ this }} as earlier on final.node_id = earlier.node_id
{%- endif %}
