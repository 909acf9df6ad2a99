-- Survivorship: what the rows of a customer say of each attribute, the best first, by
-- seeds/survivorship.csv. Ties: the row known last, then the greater key.
-- Key: one_id, attribute, source and source_row.
-- New: customers with a changed identifier or who lost one, with a member or customer of the shop
-- that was loaded, and those that `touched_customers` finds. Without watermarks
-- (docs/incremental.md): all customers. Rows that are no candidates any more are deleted.
-- A rebuild gives the same rows, except for changed_at.
-- depends_on: {{ ref('int_identity__one_ids') }}

{%- set since = keyed_increment(
    unique_key=['one_id', 'attribute', 'source', 'source_row'],
    stamps={
        'int_identity__map': 'changed_at',
        'stg_crm__members': 'loaded_at',
        'stg_shop__customers': 'loaded_at',
        'int_events__resolved': 'changed_at',
    },
    contents=['survivorship', 'id_blocklist'],
    looks_up=['int_identity__sightings'],
    follows_as_of_date=true,
) %}
{{ config(post_hook='delete from {{ this }} where not is_present') }}

with survivorship as (

    select * from {{ ref('survivorship') }}

),

resolved as (

    select * from {{ ref('int_events__resolved') }}
    where
        country is not null
        and one_id is not null
        and not is_withdrawn
        and event_date <= {{ as_of_date() }}

),

{%- if since %}

touched as (

    {{ touched_customers(since) }}
    union
    select one_id from {{ ref('int_identity__map') }}
    where changed_at > {{ since.int_identity__map.stamp }}
    union
    select one_id from {{ ref('int_identity__one_ids') }}
    where one_int in (select key from ({{ removed_since('int_identity__map', since) }}))
    {%- for model_name, id_type in [
        ('stg_crm__members', 'member_id'), ('stg_shop__customers', 'customer_id'),
    ] %}
    union
    select id_map.one_id
    from {{ ref(model_name) }} as loaded
    inner join {{ ref('int_identity__map') }} as id_map
        on id_map.id_type = '{{ id_type }}' and loaded.{{ id_type }} = id_map.id_value
    where loaded.loaded_at > {{ since[model_name].stamp }}
    {%- endfor %}

),
{%- endif %}

countries as (

    select
        resolved.one_id,
        resolved.country,
        max(resolved.event_time) as known_at,
        {{ value_at_max('resolved.event_id', ['resolved.event_time', 'resolved.event_id']) }}
            as source_row,
        count(distinct resolved.order_id) as times_seen
    from resolved
    {{ of_touched('resolved', ['one_id']) if since }}
    group by resolved.one_id, resolved.country

),

candidates as (

    select
        stated.*,
        1 as times_seen
    from {{ ref('int_customers__stated_attributes') }} as stated
    {{ of_touched('stated', ['one_id']) if since }}
    union all
    select
        countries.one_id,
        survivorship.attribute,
        survivorship.source,
        survivorship.rank as source_rank,
        survivorship.rule,
        countries.source_row,
        countries.known_at,
        {{ attribute_value('retail') }} as value,
        countries.times_seen
    from countries
    inner join survivorship on survivorship.source = 'retail'

),

counted as (

    select
        *,
        sum(times_seen) over (partition by one_id, attribute, source_rank, value) as votes
    from candidates
    where value is not null

),

present as (

    select
        *,
        row_number() over (
            partition by one_id, attribute
            order by
                source_rank asc,
                case
                    when rule = 'most_frequent' then votes
                    when rule = 'longest' then length(value)
                end desc nulls last,
                known_at desc nulls last,
                source_row desc,
                source asc
        ) as candidate_rank
    from counted

),

{{ differences(
    'present',
    ['one_id', 'attribute', 'source', 'source_row'],
    ['source_rank', 'rule', 'known_at', 'times_seen', 'value', 'candidate_rank'],
    touched=['touched', ['one_id']] if since else none,
) }}

select * from final
