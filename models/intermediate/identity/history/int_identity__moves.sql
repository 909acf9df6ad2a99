-- Identifiers that moved to another one_id, by the time of the change, read from the snapshot. An
-- identifier that is inactive or that no source shows any more belongs to no one_id: null.

with id_map_history as (

    select * from {{ ref('id_map_history') }}
    where is_active

),

ended as (

    select
        node_id,
        one_id,
        dbt_valid_to as changed_at
    from id_map_history
    where dbt_valid_to is not null

),

begun as (

    select
        node_id,
        one_id,
        dbt_valid_from as changed_at
    from id_map_history

),

final as (

    select
        coalesce(ended.node_id, begun.node_id) as node_id,
        coalesce(ended.changed_at, begun.changed_at) as changed_at,
        ended.one_id as from_one_id,
        begun.one_id as to_one_id
    from ended
    full outer join begun
        on ended.node_id = begun.node_id and ended.changed_at = begun.changed_at
    where ended.one_id is distinct from begun.one_id

)

select * from final
