-- The ID map as published, with node_id.
-- Key: node_id. Protected from --full-refresh: identifiers that are inactive, or that no source
-- shows any more, keep the one_id they had last, which only the stored rows tell.
-- New: identifiers that changed, whose component was resolved again or whose customer has another
-- one_id; of these, rows that differ, and those that were active and belong to no customer now.
-- changed_at is the time of a row's last change.
-- Values that the blocklist matches now, and those of removed types, are deleted.
-- A rebuild in an empty warehouse lacks the identifiers that were active only before.
-- depends_on: {{ ref('id_types') }}, {{ ref('int_identity__blocked_values') }}

{%- set since = keyed_increment(
    unique_key='node_id',
    stamps={
        'int_identity__nodes': 'changed_at',
        'int_identity__clusters': 'changed_at',
        'int_identity__node_clusters': 'changed_at',
        'int_identity__cluster_one_ids': 'changed_at',
    },
    looks_up=['int_identity__confidences'],
    columns={'former_customer': 'bigint'},
) %}
{{ config(
    full_refresh=false,
    on_schema_change='fail',
    post_hook=['{{ list_former_customers() }}', '{{ delete_unusable_identifiers() }}'],
) }}

{#- Columns that can change: node_id determines the identifier, one_int the one_id. -#}
{%- set facts = [
    'one_int', 'source_channel', 'confidence', 'first_seen', 'last_seen', 'is_active',
] %}

with nodes as (

    select * from {{ ref('int_identity__nodes') }}

),

node_clusters as (

    select * from {{ ref('int_identity__node_clusters') }}

),

cluster_one_ids as (

    select * from {{ ref('int_identity__cluster_one_ids') }}

),

confidences as (

    select * from {{ ref('int_identity__confidences') }}

),

{%- if since %}

touched as (

    {%- for upstream in ['nodes', 'clusters', 'node_clusters'] %}
    {%- set name = 'int_identity__' ~ upstream %}
    -- Of clusters also where the cluster is the same: the confidence may be another.
    select node_id from {{ ref(name) }}
    where changed_at > {{ since[name].stamp }}
    union
    select key as node_id from ({{ removed_since(name, since) }})
    union
    {%- endfor %}
    select node_clusters.node_id
    from node_clusters
    inner join cluster_one_ids on node_clusters.cluster_id = cluster_one_ids.cluster_id
    where cluster_one_ids.changed_at > {{ since.int_identity__cluster_one_ids.stamp }}

),
{%- endif %}

present as (

    select
        nodes.node_id,
        cluster_one_ids.one_id,
        cluster_one_ids.one_int,
        nodes.id_type,
        nodes.id_value,
        nodes.source_channel,
        -- A stored confidence of the root may predate its being the root.
        case
            when nodes.node_id = cluster_one_ids.root_node_id then 1.0
            else confidences.confidence
        end as confidence,
        nodes.first_seen,
        nodes.last_seen,
        nodes.is_active
    from nodes
    inner join node_clusters on nodes.node_id = node_clusters.node_id
    inner join cluster_one_ids on node_clusters.cluster_id = cluster_one_ids.cluster_id
    left join confidences on nodes.node_id = confidences.node_id
    {{ of_touched('nodes', ['node_id']) if since }}

),

changed as (

    select
        present.*,
        {{ 'case when stored.one_int <> present.one_int then stored.one_int end'
            if has_stored_rows() else 'cast(null as bigint)' }} as former_customer
    from present
    {%- if has_stored_rows() %}
    left join {{ this }} as stored on present.node_id = stored.node_id
    where
        stored.node_id is null
        {%- for fact in facts %}
        or stored.{{ fact }} is distinct from present.{{ fact }}
        {%- endfor %}
    union all
    select
        stored.node_id,
        stored.one_id,
        stored.one_int,
        stored.id_type,
        stored.id_value,
        stored.source_channel,
        stored.confidence,
        stored.first_seen,
        stored.last_seen,
        false as is_active,
        cast(null as bigint) as former_customer
    from {{ this }} as stored
    left join present on stored.node_id = present.node_id
    {{ of_touched('stored', ['node_id']) if since }}
    where stored.is_active and present.node_id is null{{ ' and false' if flags.EMPTY }}
    {%- endif %}

),

final as (

    select
        *,
        {{ change_stamp() }} as changed_at
    from changed

)

select * from final
