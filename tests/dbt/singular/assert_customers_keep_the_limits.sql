-- No person has more active values of a type than seeds/id_types.csv allows, or both ends of a
-- cannot_link. A type with a window is not counted here (refused links are, with their dates), and
-- a must_link may exceed a limit, so clusters with a must_link inside are left out.

{{ config(meta={'checked': 'weekly'}) }}

with held as (

    select
        map.one_id,
        map.id_type,
        id_types.max_values,
        count(*) as value_count
    from {{ ref('int_identity__map') }} as map
    inner join {{ ref('id_types') }} as id_types on map.id_type = id_types.id_type
    where
        map.is_active
        and id_types.max_values is not null
        and id_types.window_days is null
    group by map.one_id, map.id_type, id_types.max_values

),

overridden as (

    select map.one_id
    from {{ ref('int_identity__overrides') }} as overrides
    inner join {{ ref('int_identity__map') }} as map on overrides.left_node_id = map.node_id
    where overrides.override = 'must_link'

)

select
    one_id,
    id_type,
    value_count
from held
where value_count > max_values and one_id not in (select overridden.one_id from overridden)
union all
select
    left_end.one_id,
    overrides.left_id_type as id_type,
    0 as value_count
from {{ ref('int_identity__overrides') }} as overrides
inner join {{ ref('int_identity__map') }} as left_end
    on overrides.left_node_id = left_end.node_id
inner join {{ ref('int_identity__map') }} as right_end
    on overrides.right_node_id = right_end.node_id
where
    overrides.override = 'cannot_link'
    and left_end.is_active
    and right_end.is_active
    and left_end.one_id = right_end.one_id
