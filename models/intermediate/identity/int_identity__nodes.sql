with identifiers as (

    select * from {{ ref('int_identity__identifiers') }}

),

id_types as (

    select * from {{ ref('id_types') }}

),

by_channel as (

    select
        id_type,
        id_value,
        source_channel,
        min(first_seen) as first_seen,
        max(last_seen) as last_seen,
        sum(times_seen) as times_seen,
        bool_or(is_active) as is_active
    from identifiers
    group by id_type, id_value, source_channel

),

-- The channel of an identifier is where it was seen first.
ranked as (

    select
        id_type,
        id_value,
        source_channel,
        row_number() over (
            partition by id_type, id_value
            order by first_seen asc nulls last, source_channel asc
        ) as channel_rank,
        min(first_seen) over (partition by id_type, id_value) as first_seen,
        max(last_seen) over (partition by id_type, id_value) as last_seen,
        sum(times_seen) over (partition by id_type, id_value) as times_seen,
        bool_or(is_active) over (partition by id_type, id_value) as is_active
    from by_channel

),

final as (

    select
        -- Dense and only of this build: what the graph algorithms count in.
        row_number() over (order by ranked.id_type, ranked.id_value) - 1 as node_id,
        ranked.id_type,
        ranked.id_value,
        id_types.priority,
        ranked.source_channel,
        ranked.first_seen,
        ranked.last_seen,
        cast(ranked.times_seen as bigint) as times_seen,
        ranked.is_active
    from ranked
    inner join id_types on ranked.id_type = id_types.id_type
    where ranked.channel_rank = 1

)

select * from final
