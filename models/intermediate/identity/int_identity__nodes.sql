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
        min(id_type) as id_type,
        min(id_value) as id_value,
        max(id_type) as other_type,
        max(id_value) as other_value,
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
            when
                grouped.id_type = grouped.other_type
                and grouped.id_value = grouped.other_value
                then grouped.node_id
            else
                {{ stop_with(
                    "'the identifiers ' || grouped.id_type || ':' || grouped.id_value || ' and '"
                    ~ " || grouped.other_type || ':' || grouped.other_value"
                    ~ " || ' have one number: change the text that macros/identity/node_id.sql'"
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
