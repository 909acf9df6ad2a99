-- What the incremental events hold equals what a join with the map gives now.

{{ config(meta={'checked': 'weekly'}) }}

select
    unioned.event_id,
    id_map.one_id as expected_one_id,
    unified.one_id as stored_one_id
from {{ ref('int_events__unioned') }} as unioned
left join {{ ref('id_map') }} as id_map
    on unioned.id_type = id_map.id_type and unioned.id_value = id_map.id_value
left join {{ ref('unified_events') }} as unified
    on unioned.event_id = unified.event_id
where
    not unioned.is_withdrawn
    and (unified.event_id is null or id_map.one_id is distinct from unified.one_id)
