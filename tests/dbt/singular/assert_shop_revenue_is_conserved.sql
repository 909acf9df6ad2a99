-- Every transaction that the shop has not deleted reaches unified events, as what its status says,
-- and the money adds up.

{{ config(meta={'checked': 'weekly'}) }}

with transactions as (

    select
        count(*) as transaction_count,
        coalesce(sum(case when status in ('completed', 'refunded') then 1 end), 0) as moved_count,
        coalesce(
            sum(
                case
                    when status = 'completed' then amount
                    when status = 'refunded' then -abs(amount)
                end
            ),
            0
        ) as revenue
    from {{ ref('stg_shop__transactions') }}
    where not is_deleted

),

unified as (

    select
        count(*) as transaction_count,
        coalesce(sum(case when events.event_type in ('purchase', 'return') then 1 end), 0)
            as moved_count,
        coalesce(sum(events.revenue), 0) as revenue
    from {{ ref('unified_events') }} as events
    inner join {{ ref('int_events__resolved') }} as resolved
        on events.event_id = resolved.event_id and resolved.source_name = 'shop'

)

select
    transactions.transaction_count as raw_transactions,
    unified.transaction_count as unified_transactions,
    transactions.moved_count as raw_moved,
    unified.moved_count as unified_moved,
    transactions.revenue as raw_revenue,
    unified.revenue as unified_revenue
from transactions
cross join unified
where
    transactions.transaction_count != unified.transaction_count
    or transactions.moved_count != unified.moved_count
    or transactions.revenue != unified.revenue
