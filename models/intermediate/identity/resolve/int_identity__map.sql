-- Key: node_id. The ID map as readers see it, and the number of each identifier.
-- New: identifiers whose row is not as it was; one that no source shows any more leaves. Other
-- rows are not written, so changed_at tells when a row last became another.
-- A rebuild gives the same rows, but for changed_at.

{{
    config(
        materialized='incremental',
        unique_key='node_id',
        incremental_strategy='merge',
        post_hook="""
            merge into {{ this }} as stored
            using {{ ref('int_identity__nodes') }} as nodes on stored.node_id = nodes.node_id
            when not matched by source then delete
        """,
    )
}}

{#- What can change of a row: node_id stands for the identifier, one_int for the one_id. -#}
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

present as (

    select
        nodes.node_id,
        cluster_one_ids.one_id,
        cluster_one_ids.one_int,
        nodes.id_type,
        nodes.id_value,
        nodes.source_channel,
        -- Whatever a root was before, it is sure of itself.
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

),

final as (

    select
        present.*,
        {{ change_stamp() }} as changed_at
    from present
    {%- if is_incremental() %}
    left join {{ this }} as stored on present.node_id = stored.node_id
    where
        stored.node_id is null
        {%- for fact in facts %}
        or stored.{{ fact }} is distinct from present.{{ fact }}
        {%- endfor %}
    {%- endif %}

)

select * from final
