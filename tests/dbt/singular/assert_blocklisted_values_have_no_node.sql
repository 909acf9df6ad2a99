-- A value that many people's rows show would make them one person.

{{ config(meta={'checked': 'weekly'}) }}

with id_map as (

    select * from {{ ref('id_map') }}

),

blocked_values as (

    select * from {{ ref('int_identity__blocked_values') }}

)

select
    id_map.id_type,
    id_map.id_value,
    coalesce(blocked_values.reason, 'found by a pattern') as reason
from id_map
left join blocked_values
    on
        id_map.id_type = blocked_values.id_type
        and lower(id_map.id_value) = blocked_values.id_value
where
    blocked_values.id_value is not null
    or {{ matches_blocked_pattern('id_map.id_type', 'id_map.id_value') }}
