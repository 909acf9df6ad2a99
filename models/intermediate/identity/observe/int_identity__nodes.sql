-- Every identifier once, with when and where it was seen.

{{ config(materialized='table') }}

with sightings as (

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
    {%- for end in ['left', 'right'] %}
    union all
    select
        {{ end }}_node_id as node_id,
        {{ end }}_id_type as id_type,
        {{ end }}_id_value as id_value,
        source_channel,
        first_seen,
        last_seen,
        1 as times_seen,
        is_active
    from graph_links
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

final as (

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

)

select * from final
