-- What keeps identifiers apart, from either end: links that do not merge, links that were refused,
-- and the cannot_links of seeds/id_link_overrides.csv, each with its reason.

{%- set columns = [
    'source_channel', 'method', 'confidence', 'first_seen', 'last_seen', 'times_seen',
] %}

with links as (

    select * from {{ ref('int_identity__links') }}

),

rejections as (

    select * from {{ ref('int_identity__rejections') }}

),

overrides as (

    select * from {{ ref('int_identity__overrides') }}
    where override = 'cannot_link'

),

identifiers as (

    select * from {{ ref('int_identity__explained_identifiers') }}

),

shared_values as (

    select * from {{ ref('int_identity__shared_values') }}

),

unmerged as (

    select
        left_node_id,
        right_node_id,
        link_status,
        cast(null as string) as constraint_name,
        case link_status
            when 'inactive' then 'its source has withdrawn it'
            when 'low_confidence'
                then
                    'confidence ' || cast(confidence as string)
                    || ' is under identity_min_confidence {{ var("identity_min_confidence") }}'
        end as reason,
        {{ columns | join(', ') }}
    from links
    where link_status <> 'merging'
    union all
    select
        links.left_node_id,
        links.right_node_id,
        'refused' as link_status,
        rejections.constraint_name,
        rejections.reason,
        links.{{ columns | join(', links.') }}
    from links
    inner join rejections
        on
            links.left_node_id = rejections.left_node_id
            and links.right_node_id = rejections.right_node_id
    where links.link_status = 'merging'
    union all
    select
        left_node_id,
        right_node_id,
        'cannot_link' as link_status,
        'cannot_link' as constraint_name,
        'seeds/id_link_overrides.csv: ' || coalesce(reason, 'no reason given') as reason,
        null as source_channel,
        null as method,
        null as confidence,
        null as first_seen,
        null as last_seen,
        null as times_seen
    from overrides

),

both_directions as (

    select
        *,
        left_node_id as from_node_id,
        right_node_id as to_node_id,
        true as is_forward
    from unmerged
    union all
    select
        *,
        right_node_id as from_node_id,
        left_node_id as to_node_id,
        false as is_forward
    from unmerged

),

final as (

    select
        links.link_status,
        links.constraint_name,
        case
            when links.link_status <> 'shared_value' then links.reason
            when coalesce(from_shared.hub_count, 0) > coalesce(to_shared.hub_count, 0)
                then
                    from_end.id_type || ':' || from_end.id_value || ' is shared: it is linked to '
                    || cast(from_shared.hub_count as string)
                    || ' person-unique identifiers'
            else
                to_end.id_type || ':' || to_end.id_value || ' is shared: it is linked to '
                || cast(to_shared.hub_count as string)
                || ' person-unique identifiers'
        end as reason,
        links.from_node_id,
        from_end.cluster_id as from_cluster_id,
        from_end.id_type as from_id_type,
        from_end.id_value as from_id_value,
        from_end.one_id as from_one_id,
        links.to_node_id,
        to_end.cluster_id as to_cluster_id,
        to_end.id_type as to_id_type,
        to_end.id_value as to_id_value,
        to_end.one_id as to_one_id,
        links.is_forward,
        links.{{ columns | join(',\n        links.') }}
    from both_directions as links
    inner join identifiers as from_end on links.from_node_id = from_end.node_id
    inner join identifiers as to_end on links.to_node_id = to_end.node_id
    left join shared_values as from_shared on links.from_node_id = from_shared.node_id
    left join shared_values as to_shared on links.to_node_id = to_shared.node_id

)

select * from final
