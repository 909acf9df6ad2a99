-- Every identifier once, with when and where it was seen.
-- Key: node_id. New: identifiers with a changed or removed sighting or graph link, each recounted
-- from all of them. A rebuild gives the same rows, except for changed_at.

{%- set since = keyed_increment(
    unique_key='node_id',
    stamps={'int_identity__sightings': 'changed_at', 'int_identity__graph_links': 'changed_at'},
    contents=['id_types'],
    removed_keys=['node_id'],
) %}

with

{%- if since %}

touched as (

    select node_id from {{ ref('int_identity__sightings') }}
    where changed_at > {{ since.int_identity__sightings.stamp }}
    union
    select key as node_id from ({{ removed_since('int_identity__sightings', since) }})
    {%- for end in ['left_node_id', 'right_node_id'] %}
    union
    select {{ end }} as node_id from {{ ref('int_identity__graph_links') }}
    where changed_at > {{ since.int_identity__graph_links.stamp }}
    {%- endfor %}
    {%- for end in ['key', 'second_key'] %}
    union
    select {{ end }} as node_id from ({{ removed_since('int_identity__graph_links', since) }})
    {%- endfor %}

),
{%- endif %}

sightings as (

    select * from {{ ref('int_identity__sightings') }}
    where not is_blocked and source_name <> 'id_graph'

),

graph_links as (

    select * from {{ ref('int_identity__graph_links') }}

),

id_types as (

    select * from {{ ref('id_types') }}

),

seen as (

    select
        node_id,
        id_type,
        id_value,
        source_channel,
        first_seen,
        last_seen,
        times_seen,
        is_active
    from sightings
    {%- if since %}
    where node_id in (select touched.node_id from touched)
    {%- endif %}
    {%- for end in ['left', 'right'] %}
    union all
    select
        graph_links.{{ end }}_node_id as node_id,
        {{ end }}_id_type as id_type,
        {{ end }}_id_value as id_value,
        source_channel,
        first_seen,
        last_seen,
        1 as times_seen,
        is_active
    from graph_links
    {{ of_touched('graph_links', [end ~ '_node_id'], ['node_id']) if since }}
    where {{ end }}_node_id is not null
    {%- endfor %}

),

grouped as (

    select
        node_id,
        any_value(id_type) as id_type,
        any_value(id_value) as id_value,
        -- Detects hash collisions with a second hash: comparing the texts takes half of the time.
        min({{ hash_63_bits("id_value || ':' || id_type") }}) as least_check,
        max({{ hash_63_bits("id_value || ':' || id_type") }}) as greatest_check,
        -- The channel of an identifier is where it was seen first.
        {{ value_at_min(
            'source_channel',
            ["coalesce(first_seen, cast('9999-12-31' as timestamp))", 'source_channel'],
        ) }} as source_channel,
        min(first_seen) as first_seen,
        max(last_seen) as last_seen,
        sum(times_seen) as times_seen,
        bool_or(is_active) as is_active
    from seen
    group by node_id

),

counted as (

    select
        case
            when grouped.least_check = grouped.greatest_check then grouped.node_id
            else
                {{ stop_with(
                    "'the identifier ' || grouped.id_type || ':' || grouped.id_value"
                    ~ " || ' and another one have one number, ' || cast(grouped.node_id as string)"
                    ~ " || ': change the text that macros/identity/node_id.sql'"
                    ~ " || ' hashes, and run with --full-refresh'"
                ) }}
        end as node_id,
        grouped.id_type,
        grouped.id_value,
        id_types.priority,
        grouped.source_channel,
        grouped.first_seen,
        grouped.last_seen,
        cast(grouped.times_seen as bigint) as times_seen,
        grouped.is_active
    from grouped
    left join id_types on grouped.id_type = id_types.id_type

),

{{ differences(
    'counted',
    ['node_id'],
    [
        'id_type', 'id_value', 'priority', 'source_channel', 'first_seen', 'last_seen',
        'times_seen', 'is_active',
    ],
    touched=['touched', ['node_id']] if since else none,
) }}

select * from final
