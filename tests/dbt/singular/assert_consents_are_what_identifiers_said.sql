-- What identifiers and customers are noted to have chosen equals a count of all choices, of all
-- mails and of the suppressions.

{{ config(meta={'checked': 'weekly'}) }}

with choices as (

    select
        id_type,
        id_value,
        purpose,
        status = 'granted' as is_granted,
        event_time
    from {{ ref('stg_consents__events') }}
    union all
    select
        'email_hash' as id_type,
        email_hash as id_value,
        'email_marketing' as purpose,
        false as is_granted,
        event_time
    from {{ ref('stg_email__events') }}
    where event_type in ('unsubscribe', 'complaint')

),

of_identifiers as (

    select
        id_type,
        id_value,
        purpose,
        max(event_time) as event_time,
        -- Of two at the same moment, the withdrawal.
        max(event_time)
        > coalesce(max(case when not is_granted then event_time end), timestamp '0001-01-01')
            as is_granted
    from choices
    where id_value is not null
    group by id_type, id_value, purpose

),

wrong_identifiers as (

    select
        coalesce(chosen.purpose, noted.purpose) as purpose,
        {{ node_id(
            'coalesce(chosen.id_type, noted.id_type)', 'coalesce(chosen.id_value, noted.id_value)'
        ) }} as node_id
    from of_identifiers as chosen
    full outer join {{ ref('int_customers__identifier_consents') }} as noted
        on
            chosen.id_type = noted.id_type
            and chosen.id_value = noted.id_value
            and chosen.purpose = noted.purpose
    where
        chosen.is_granted is distinct from noted.is_granted
        or chosen.event_time is distinct from noted.event_time

),

said as (

    select
        id_type,
        id_value,
        purpose,
        case when is_granted then 'granted' else 'withdrawn' end as status,
        event_time
    from of_identifiers
    union all
    select
        trim(id_type) as id_type,
        {{ normalize_identifier('trim(id_type)', 'id_value') }} as id_value,
        '*' as purpose,
        'suppressed' as status,
        cast(null as timestamp) as event_time
    from {{ ref('suppressions') }}

),

-- Of the three words, the last in the alphabet wins.
of_customers as (

    select
        id_map.one_id,
        said.purpose,
        max(said.status) as status
    from said
    inner join {{ ref('id_map') }} as id_map
        on said.id_type = id_map.id_type and said.id_value = id_map.id_value
    inner join {{ ref('int_customers__customers') }} as customers
        on id_map.one_id = customers.one_id
    where id_map.is_active or said.status <> 'granted'
    group by id_map.one_id, said.purpose

)

select
    'identifier' as whose,
    cast(node_id as string) as key,
    purpose
from wrong_identifiers
union all
select
    'customer' as whose,
    coalesce(of_customers.one_id, noted.one_id) as key,
    coalesce(of_customers.purpose, noted.purpose) as purpose
from of_customers
full outer join {{ ref('customer_consents') }} as noted
    on of_customers.one_id = noted.one_id and of_customers.purpose = noted.purpose
-- The identifier that decides, too.
left join said
    on
        noted.id_type = said.id_type
        and noted.id_value = said.id_value
        and noted.purpose = said.purpose
        and noted.status = said.status
where
    of_customers.status is distinct from noted.status
    or said.status is null
    or said.event_time is distinct from noted.event_time
