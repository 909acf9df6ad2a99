-- What a customer chose for each purpose: a withdrawal by any identifier holds for the customer.
-- What people chose is never bounded by the as-of date: an audience of an earlier day must not
-- reach somebody who has withdrawn since.
-- Key: one_id and purpose. New: customers of identifiers with another word, with a changed
-- identifier or who lost one, and who became or ceased to be one; all, if the seed differs.
-- A rebuild gives the same rows, except for changed_at.

{%- set facts = ['one_int', 'status', 'id_type', 'id_value', 'event_time', 'channel', 'reason'] %}
{%- set since = keyed_increment(
    unique_key=['one_id', 'purpose'],
    stamps={
        'int_customers__identifier_consents': 'changed_at',
        'int_identity__map': 'changed_at',
        'int_customers__customers': 'changed_at',
    },
    contents=['suppressions'],
    removed_keys=['one_int'],
) %}
{{ config(meta={'by_date': false}) }}

with identifier_consents as (

    select * from {{ ref('int_customers__identifier_consents') }}

),

id_map as (

    select * from {{ ref('int_identity__map') }}

),

{%- if since %}

said_anew as (

    select node_id from identifier_consents
    where changed_at > {{ since.int_customers__identifier_consents.stamp }}
    union
    select key as node_id
    from ({{ removed_since('int_customers__identifier_consents', since) }})

),

touched as (

    select id_map.one_int from id_map
    inner join said_anew on id_map.node_id = said_anew.node_id
    {%- for upstream in ['int_identity__map', 'int_customers__customers'] %}
    union
    select one_int from {{ ref(upstream) }}
    where changed_at > {{ since[upstream].stamp }}
    union
    select key as one_int from ({{ removed_since(upstream, since) }})
    {%- endfor %}

),
{%- endif %}

identifiers as (

    select
        id_map.one_id,
        id_map.one_int,
        id_map.id_type,
        id_map.id_value,
        id_map.is_active
    from id_map
    inner join {{ ref('int_customers__customers') }} as customers
        on id_map.one_int = customers.one_int
    {{ of_touched('id_map', ['one_int']) if since }}

),

suppressed as (

    select
        trim(id_type) as id_type,
        {{ normalize_identifier('trim(id_type)', 'id_value') }} as id_value,
        max(reason) as reason
    from {{ ref('suppressions') }}
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
        identifiers.one_id,
        identifiers.one_int,
        row_number() over (
            partition by identifiers.one_id, said.purpose
            order by
                case when said.status = 'granted' then 1 else 0 end asc,
                said.event_time desc nulls last,
                said.id_type asc,
                said.id_value asc
        ) as place
    from said
    inner join identifiers
        on said.id_type = identifiers.id_type and said.id_value = identifiers.id_value
    where identifiers.is_active or said.status <> 'granted'

),

present as (

    select * from ranked
    where place = 1

),

{{ differences(
    'present',
    ['one_id', 'purpose'],
    facts,
    touched=['touched', ['one_int']] if since else none,
) }}

select * from final
