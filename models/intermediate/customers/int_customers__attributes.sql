-- Survivorship of CRM attributes: each comes from the member row updated last that has it; where
-- two were updated at the same moment, from the greater member_id.

{%- set newest = ['dated.known_at', 'dated.member_id'] %}

with stg_crm__members as (

    select * from {{ ref('stg_crm__members') }}
    where not is_deleted

),

id_map as (

    select * from {{ ref('id_map') }}
    where id_type = 'member_id'

),

dated as (

    select
        *,
        -- A row without updated_at counts as older than all others; loading treats it as the newest
        -- version of its member. Both are intended: DECISIONS.md, Loading.
        coalesce(updated_at, cast('0001-01-01' as timestamp)) as known_at
    from stg_crm__members

),

final as (

    select
        id_map.one_id,
        {{ value_at_max('dated.real_name', newest) }} as real_name,
        {{ value_at_max('dated.gender', newest) }} as gender,
        {{ value_at_max('dated.birthday', newest) }} as birthday,
        {{ value_at_max('dated.register_date', newest) }} as register_date,
        {{ value_at_max('dated.register_channel', newest) }} as register_channel,
        {{ value_at_max('dated.level', newest) }} as level,
        {{ value_at_max('dated.total_points', newest) }} as total_points
    from dated
    inner join id_map on dated.member_id = id_map.id_value
    group by id_map.one_id

)

select * from final
