-- All customers, the one_ids with an active identifier: the spine that every customer model joins.
-- Survivorship of identifiers: of each type in macros/customers/profile_id_columns.sql the active
-- one seen last, then the smaller value.
-- Key: one_id. New: customers with a changed identifier, or who lost one. A rebuild gives the same
-- rows, except for changed_at.

{%- set since = keyed_increment(
    unique_key='one_id',
    stamps={'int_identity__map': 'changed_at'},
    removed_keys=['one_int'],
    columns={'customer_id': 'string'},
) %}

with id_map as (

    select * from {{ ref('int_identity__map') }}

),

{%- if since %}

touched as (

    select one_int from id_map
    where changed_at > {{ since.int_identity__map.stamp }}
    union
    select key as one_int from ({{ removed_since('int_identity__map', since) }})

),
{%- endif %}

ranked as (

    select
        id_map.one_id,
        id_map.one_int,
        id_map.id_type,
        id_map.id_value,
        row_number() over (
            partition by id_map.one_id, id_map.id_type
            order by id_map.last_seen desc nulls last, id_map.id_value asc
        ) as survivor_rank
    from id_map
    {{ of_touched('id_map', ['one_int']) if since }}
    where id_map.is_active

),

present as (

    select
        one_id,
        max(one_int) as one_int,
        count(*) as identifier_count,
        {%- for id in profile_id_columns() %}
        max(case when id_type = '{{ id }}' and survivor_rank = 1 then id_value end) as {{ id }}
        {%- if not loop.last %},{% endif %}
        {%- endfor %}
    from ranked
    group by one_id

),

{{ differences(
    'present',
    ['one_id'],
    ['one_int', 'identifier_count'] + profile_id_columns(),
    touched=['touched', ['one_int']] if since else none,
) }}

select * from final
