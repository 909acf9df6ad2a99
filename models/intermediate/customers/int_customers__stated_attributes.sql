-- What members, customers of the shop and addresses of the ID map say of each attribute that
-- seeds/survivorship.csv takes from them. Deleted members and customers say nothing.

{%- set keyed = {
    'crm': ['stg_crm__members', 'member_id'],
    'shop': ['stg_shop__customers', 'customer_id'],
} %}

with survivorship as (

    select * from {{ ref('survivorship') }}

),

id_map as (

    select * from {{ ref('int_identity__map') }}

),

blocked_addresses as (

    select id_value from {{ ref('int_identity__blocked_identifiers') }}
    where id_type = 'email_hash'

),

{%- for source_name, (model_name, id_type) in keyed.items() %}

{{ source_name }} as (

    select
        id_map.one_id,
        stated.{{ id_type }} as source_row,
        stated.updated_at as known_at,
        stated.*
    from {{ ref(model_name) }} as stated
    inner join id_map on id_map.id_type = '{{ id_type }}' and stated.{{ id_type }} = id_map.id_value
    where not stated.is_deleted

),
{%- endfor %}

addresses as (

    select
        one_id,
        id_type || ':' || id_value as source_row,
        last_seen as known_at,
        id_value
    from id_map
    where id_type = 'email_hash' and is_active

),

stated as (

    {%- for source_name, cte in {'crm': 'crm', 'shop': 'shop', 'id_map': 'addresses'}.items() %}
    select
        {{ cte }}.one_id,
        survivorship.attribute,
        survivorship.source,
        survivorship.rank as source_rank,
        survivorship.rule,
        {{ cte }}.source_row,
        {{ cte }}.known_at,
        {{ attribute_value(source_name) }} as value
    from {{ cte }}
    inner join survivorship on survivorship.source = '{{ source_name }}'
    {{- ' union all' if not loop.last }}
    {%- endfor %}

),

final as (

    select stated.*
    from stated
    -- By a key that is null for other attributes: then DuckDB can join by it.
    left join blocked_addresses
        on case when stated.attribute = 'email' then stated.value end = blocked_addresses.id_value
    where stated.value is not null and blocked_addresses.id_value is null

)

select * from final
