-- A transaction is one event: what it is follows from its status of now.

with stg_shop__transactions as (

    select * from {{ ref('stg_shop__transactions') }}
    -- Of a row that was deleted before it was ever loaded, only the key is known.
    where transacted_at is not null

),

blocked_identifiers as (

    select * from {{ ref('int_identity__blocked_identifiers') }}

),

typed as (

    select
        transactions.*,
        {{ event_id_column('stg_shop__transactions', 'transactions') }} as id_column,
        case
            when
                transactions.status = 'refunded'
                or (transactions.status = 'completed' and transactions.amount < 0)
                then 'return'
            when transactions.status = 'completed' then 'purchase'
            -- Pending, cancelled, failed: money that did not move.
            else 'order_' || replace(transactions.status, ' ', '_')
        end as event_type
    from stg_shop__transactions as transactions

),

final as (

    select
        'shop:' || transaction_id as event_id,
        'shop' as source_name,
        {{ event_identifier('stg_shop__transactions') }}
        event_type,
        {{ row_sources()['shop']['channel'] }} as channel,
        cast(null as string) as platform,
        product_id as item_id,
        amount as item_price,
        case
            when event_type = 'purchase' then 1
            when event_type = 'return' then -1
        end as quantity,
        cast(
            case
                when event_type = 'purchase' then amount
                when event_type = 'return' then -abs(amount)
                else 0
            end as decimal(18, 4)
        ) as revenue,
        transacted_at as event_time,
        cast(null as string) as session_id,
        transaction_id as order_id,
        cast(null as string) as country,
        is_deleted as is_withdrawn,
        loaded_at
    from typed

)

select * from final
