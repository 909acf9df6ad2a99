{{ config(materialized='table') }}

with identifiers as (

    select * from {{ ref('int_identity__identifiers') }}

),

id_types as (

    select * from {{ ref('id_types') }}

),

grouped as (

    select
        node_id,
        any_value(id_type) as id_type,
        any_value(id_value) as id_value,
        -- Whether all texts are one: told by another number of theirs, since comparing the texts
        -- themselves takes half of this model's time.
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
    from identifiers
    group by node_id

),

final as (

    select
        case
            when grouped.least_check = grouped.greatest_check then grouped.node_id
            else
                {{ stop_with(
                    "'the identifier ' || grouped.id_type || ':' || grouped.id_value"
                    ~ " || ' and another one have one number, ' || cast(grouped.node_id as varchar)"
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
