-- Usable links of the ID graph: both ends are known types, filled, not blocklisted and different.
-- The left end is the one of higher priority (then the smaller value), so that a pair which the
-- graph wrote from both sides is one link.

{{ config(materialized='table') }}

{%- set ends = ['id_type', 'id_value', 'priority'] %}

with stg_id_graph__links as (

    select * from {{ ref('stg_id_graph__links') }}

),

id_types as (

    select * from {{ ref('id_types') }}

),

blocked_identifiers as (

    select * from {{ ref('int_identity__blocked_identifiers') }}

),

usable as (

    select
        links.link_id,
        links.left_id_type,
        links.left_id_value,
        left_type.priority as left_priority,
        links.right_id_type,
        links.right_id_value,
        right_type.priority as right_priority,
        {{ is_left_first(
            'left_type.priority', 'links.left_id_value',
            'right_type.priority', 'links.right_id_value',
        ) }} as is_left_first,
        coalesce(links.source_channel, 'id_graph') as source_channel,
        coalesce(
            links.confidence, least(left_type.default_confidence, right_type.default_confidence)
        ) as confidence,
        -- Swapped dates are put in order; otherwise the value would be held at no time.
        case
            when links.last_seen < links.first_seen then links.last_seen else links.first_seen
        end as first_seen,
        coalesce(
            case when links.last_seen < links.first_seen then links.first_seen end,
            links.last_seen, links.first_seen
        ) as last_seen,
        coalesce(links.is_active, true) as is_active,
        links.loaded_at,
        links.source_file,
        links.source_line
    from stg_id_graph__links as links
    inner join id_types as left_type on links.left_id_type = left_type.id_type
    inner join id_types as right_type on links.right_id_type = right_type.id_type
    left join blocked_identifiers as left_junk
        on links.left_id_type = left_junk.id_type and links.left_id_value = left_junk.id_value
    left join blocked_identifiers as right_junk
        on links.right_id_type = right_junk.id_type and links.right_id_value = right_junk.id_value
    where
        links.left_id_value is not null
        and links.right_id_value is not null
        and (
            links.left_id_type <> links.right_id_type
            or links.left_id_value <> links.right_id_value
        )
        and left_junk.id_value is null
        and right_junk.id_value is null

),

oriented as (

    select
        *,
        {%- for end in ends %}
        case when is_left_first then left_{{ end }} else right_{{ end }} end as one_{{ end }},
        case when is_left_first then right_{{ end }} else left_{{ end }} end as other_{{ end }},
        {%- endfor %}
        {{ node_id('one_id_type', 'one_id_value') }} as one_node_id,
        {{ node_id('other_id_type', 'other_id_value') }} as other_node_id
    from usable

),

-- A withdrawal that names the ends in the other order or spelling is a row of its own in the raw
-- table and withdraws the same link.
withdrawn as (

    select
        {{ node_id('left_id_type', 'left_id_value') }} as left_node_id,
        {{ node_id('right_id_type', 'right_id_value') }} as right_node_id,
        loaded_at,
        source_file,
        source_line
    from stg_id_graph__links
    where not is_active

),

withdrawals as (

    select
        *,
        least(left_node_id, right_node_id) as lower_node_id,
        greatest(left_node_id, right_node_id) as upper_node_id,
        row_number() over (
            partition by least(left_node_id, right_node_id), greatest(left_node_id, right_node_id)
            order by loaded_at desc, source_file desc, source_line desc
        ) as place
    from withdrawn

),

final as (

    select
        oriented.link_id,
        {%- for end, place in [('left', 'one'), ('right', 'other')] %}
        oriented.{{ place }}_id_type as {{ end }}_id_type,
        oriented.{{ place }}_id_value as {{ end }}_id_value,
        oriented.{{ place }}_priority as {{ end }}_priority,
        oriented.{{ place }}_node_id as {{ end }}_node_id,
        {%- endfor %}
        oriented.source_channel,
        oriented.confidence,
        oriented.first_seen,
        oriented.last_seen,
        case
            when withdrawals.place is null or not oriented.is_active then oriented.is_active
            else
                (withdrawals.loaded_at, withdrawals.source_file, withdrawals.source_line)
                < (oriented.loaded_at, oriented.source_file, oriented.source_line)
        end as is_active
    from oriented
    left join withdrawals
        on
            least(oriented.one_node_id, oriented.other_node_id) = withdrawals.lower_node_id
            and greatest(oriented.one_node_id, oriented.other_node_id) = withdrawals.upper_node_id
            and withdrawals.place = 1

)

select * from final
