-- Manual overrides, with identifiers normalised as in the map. The left end is the one of higher
-- priority (then the smaller value), as in every link.

with id_link_overrides as (

    select * from {{ ref('id_link_overrides') }}

),

id_types as (

    select * from {{ ref('id_types') }}

),

normalized as (

    select
        override,
        left_id_type,
        {{ normalize_identifier('left_id_type', 'left_id_value') }} as left_id_value,
        right_id_type,
        {{ normalize_identifier('right_id_type', 'right_id_value') }} as right_id_value,
        reason
    from id_link_overrides

),

with_direction as (

    select
        normalized.*,
        left_type.priority as given_left_priority,
        right_type.priority as given_right_priority,
        {{ is_left_first(
            'left_type.priority', 'normalized.left_id_value',
            'right_type.priority', 'normalized.right_id_value',
        ) }} as is_left_first
    from normalized
    inner join id_types as left_type on normalized.left_id_type = left_type.id_type
    inner join id_types as right_type on normalized.right_id_type = right_type.id_type

),

oriented as (

    select
        override,
        case when is_left_first then left_id_type else right_id_type end as left_id_type,
        case when is_left_first then left_id_value else right_id_value end as left_id_value,
        case when is_left_first then right_id_type else left_id_type end as right_id_type,
        case when is_left_first then right_id_value else left_id_value end as right_id_value,
        least(given_left_priority, given_right_priority) as left_priority,
        greatest(given_left_priority, given_right_priority) as right_priority,
        reason
    from with_direction

),

final as (

    select
        {{ node_id('left_id_type', 'left_id_value') }} as left_node_id,
        {{ node_id('right_id_type', 'right_id_value') }} as right_node_id,
        override,
        left_id_type,
        left_id_value,
        right_id_type,
        right_id_value,
        left_priority,
        right_priority,
        reason
    from oriented

)

select * from final
