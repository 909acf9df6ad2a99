-- A star from each row's identifier of highest priority to its others, and the id graph's links.
-- The left end is always the one of higher priority (then the smaller value), so that a pair seen
-- from both sides is one link.

with identifiers as (

    select * from {{ ref('int_identity__identifiers') }}
    where id_set_id is not null

),

graph_links as (

    select * from {{ ref('int_identity__graph_links') }}

),

id_types as (

    select * from {{ ref('id_types') }}

),

ranked as (

    select
        identifiers.*,
        id_types.priority,
        id_types.default_confidence,
        row_number() over (
            partition by identifiers.id_set_id order by id_types.priority
        ) as rank_in_set
    from identifiers
    inner join id_types on identifiers.id_type = id_types.id_type

),

star_links as (

    select
        hub.id_type as left_id_type,
        hub.id_value as left_id_value,
        other.id_type as right_id_type,
        other.id_value as right_id_value,
        other.source_channel,
        least(hub.default_confidence, other.default_confidence) as confidence,
        other.first_seen,
        other.last_seen,
        other.times_seen,
        other.is_active
    from ranked as hub
    inner join ranked as other
        on hub.id_set_id = other.id_set_id
    where hub.rank_in_set = 1 and other.rank_in_set > 1

),

oriented_graph_links as (

    select
        case when is_left_first then left_id_type else right_id_type end as left_id_type,
        case when is_left_first then left_id_value else right_id_value end as left_id_value,
        case when is_left_first then right_id_type else left_id_type end as right_id_type,
        case when is_left_first then right_id_value else left_id_value end as right_id_value,
        source_channel,
        confidence,
        first_seen,
        last_seen,
        1 as times_seen,
        is_active
    from (
        select
            graph_links.*,
            left_type.priority < right_type.priority
            or (
                left_type.priority = right_type.priority
                and graph_links.left_id_value < graph_links.right_id_value
            ) as is_left_first
        from graph_links
        inner join id_types as left_type on graph_links.left_id_type = left_type.id_type
        inner join id_types as right_type on graph_links.right_id_type = right_type.id_type
    ) as with_direction

),

all_links as (

    select * from star_links
    union all
    select * from oriented_graph_links

),

-- What an inactive link claimed no longer counts, also where an active row repeats the pair.
final as (

    select
        left_id_type,
        left_id_value,
        right_id_type,
        right_id_value,
        source_channel,
        max(confidence) as confidence,
        min(first_seen) as first_seen,
        max(last_seen) as last_seen,
        cast(sum(times_seen) as bigint) as times_seen,
        is_active,
        is_active and max(confidence) >= {{ var('identity_min_confidence') }} as is_merging
    from all_links
    group by
        left_id_type, left_id_value, right_id_type, right_id_value, source_channel, is_active

)

select * from final
