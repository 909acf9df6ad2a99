-- The left end is the one of higher priority (then the smaller value), so that a pair which the
-- graph wrote from both sides is one link.

with graph_links as (

    select * from {{ ref('int_identity__graph_links') }}

),

id_types as (

    select * from {{ ref('id_types') }}

),

with_direction as (

    select
        graph_links.*,
        {{ node_id('graph_links.left_id_type', 'graph_links.left_id_value') }} as left_end,
        {{ node_id('graph_links.right_id_type', 'graph_links.right_id_value') }} as right_end,
        left_type.priority as left_end_priority,
        right_type.priority as right_end_priority,
        left_type.priority < right_type.priority
        or (
            left_type.priority = right_type.priority
            and graph_links.left_id_value < graph_links.right_id_value
        ) as is_left_first
    from graph_links
    inner join id_types as left_type on graph_links.left_id_type = left_type.id_type
    inner join id_types as right_type on graph_links.right_id_type = right_type.id_type

),

final as (

    select
        link_id,
        case when is_left_first then left_end else right_end end as left_node_id,
        case when is_left_first then right_end else left_end end as right_node_id,
        least(left_end_priority, right_end_priority) as left_priority,
        greatest(left_end_priority, right_end_priority) as right_priority,
        source_channel,
        confidence,
        first_seen,
        last_seen,
        is_active
    from with_direction

)

select * from final
