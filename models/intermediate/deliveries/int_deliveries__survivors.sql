-- Former one_ids and the customer whom they became, through one merge after another. A one_id whose
-- identifiers went several ways has no survivor.

with recursive id_map_changes as (

    select
        from_one_id,
        to_one_id,
        changed_at
    from {{ ref('id_map_changes') }}
    where kind = 'merge'

),

customers as (

    select * from {{ ref('int_customers__customers') }}

),

chain as (

    select
        id_map_changes.from_one_id,
        id_map_changes.to_one_id,
        id_map_changes.changed_at
    from id_map_changes
    left join customers on id_map_changes.from_one_id = customers.one_id
    where customers.one_id is null
    union all
    -- Each merge is later than the one before it, so this ends.
    select
        chain.from_one_id,
        id_map_changes.to_one_id,
        id_map_changes.changed_at
    from chain
    inner join id_map_changes
        on
            chain.to_one_id = id_map_changes.from_one_id
            and chain.changed_at < id_map_changes.changed_at

),

final as (

    select
        chain.from_one_id as former_one_id,
        {{ value_at_max('customers.one_id', ['chain.changed_at', 'customers.one_id']) }} as one_id
    from chain
    inner join customers on chain.to_one_id = customers.one_id
    group by chain.from_one_id

)

select * from final
