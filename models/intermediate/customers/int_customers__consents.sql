-- Rebuilt when new rows came: one pass over the choices, which are few beside events, and one join
-- with the identifiers. What people chose is never bounded by the as-of date: an audience of an
-- earlier day must not reach somebody who has withdrawn since.

{{ config(materialized='table', meta={'by_date': false}) }}

with identifier_consents as (

    select * from {{ ref('int_customers__identifier_consents') }}

),

suppressions as (

    select * from {{ ref('suppressions') }}

),

id_map as (

    select * from {{ ref('id_map') }}

),

customers as (

    select * from {{ ref('int_customers__customers') }}

),

suppressed as (

    select
        trim(id_type) as id_type,
        {{ normalize_identifier('trim(id_type)', 'id_value') }} as id_value,
        max(reason) as reason
    from suppressions
    group by all

),

said as (

    select
        id_type,
        id_value,
        purpose,
        case when is_granted then 'granted' else 'withdrawn' end as status,
        event_time,
        channel,
        cast(null as string) as reason
    from identifier_consents
    union all
    select
        id_type,
        id_value,
        '*' as purpose,
        'suppressed' as status,
        cast(null as timestamp) as event_time,
        cast(null as string) as channel,
        reason
    from suppressed

),

-- Any identifier withdraws for the whole customer, one that is not active any more, too; only an
-- active one grants. Of several that withdrew, the latest is shown.
ranked as (

    select
        said.*,
        id_map.one_id,
        row_number() over (
            partition by id_map.one_id, said.purpose
            order by
                case when said.status = 'granted' then 1 else 0 end asc,
                said.event_time desc nulls last,
                said.id_type asc,
                said.id_value asc
        ) as place
    from said
    inner join id_map on said.id_type = id_map.id_type and said.id_value = id_map.id_value
    inner join customers on id_map.one_id = customers.one_id
    where id_map.is_active or said.status <> 'granted'

),

final as (

    select
        one_id,
        purpose,
        status,
        id_type,
        id_value,
        event_time,
        channel,
        reason
    from ranked
    where place = 1

)

select * from final
