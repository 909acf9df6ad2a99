-- Assigns each link a status. Manual links always get the status merging; inactive, low-confidence
-- and shared-value links are kept but never merge.

with candidate_links as (

    select * from {{ ref('int_identity__candidate_links') }}

),

shared_values as (

    select * from {{ ref('int_identity__shared_values') }}

),

final as (

    select
        links.left_node_id,
        links.right_node_id,
        links.left_priority,
        links.right_priority,
        links.source_channel,
        links.method,
        links.confidence,
        links.first_seen,
        links.last_seen,
        links.times_seen,
        links.is_active,
        case
            when not links.is_active then 'inactive'
            when links.method = 'manual' then 'merging'
            when links.confidence < {{ var('identity_min_confidence') }} then 'low_confidence'
            when
                left_shared.node_id is not null or right_shared.node_id is not null
                then 'shared_value'
            else 'merging'
        end as link_status
    from candidate_links as links
    left join shared_values as left_shared on links.left_node_id = left_shared.node_id
    left join shared_values as right_shared on links.right_node_id = right_shared.node_id

)

select * from final
