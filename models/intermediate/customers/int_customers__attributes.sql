-- Survivorship of CRM attributes: each comes from the member row updated last that has it; where
-- two were updated at the same moment, from the greater member_id.

{%- set attributes = [
    'real_name', 'gender', 'birthday', 'register_date', 'register_channel', 'level', 'total_points'
] %}

with stg_crm__members as (

    select * from {{ ref('stg_crm__members') }}

),

id_map as (

    select * from {{ ref('id_map') }}
    where id_type = 'member_id'

),

final as (

    select
        id_map.one_id,
        {%- for attribute in attributes %}
        {{ value_at_max('members.' ~ attribute, ['members.updated_at', 'members.member_id']) }}
            as {{ attribute }}
        {%- if not loop.last %},{% endif %}
        {%- endfor %}
    from stg_crm__members as members
    inner join id_map on members.member_id = id_map.id_value
    group by id_map.one_id

)

select * from final
