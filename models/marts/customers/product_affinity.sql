-- A table rebuilt each day: it reads three columns of the purchases. Only the items that at least
-- affinity_min_customers bought can be in a pair, and of these the affinity_max_items with the most
-- customers, so the number of pairs is bounded.

{{ config(materialized='table') }}

with bought as (

    select distinct
        one_id,
        item_id
    from {{ ref('int_events__resolved') }}
    where
        event_type = 'purchase'
        and not is_withdrawn
        and one_id is not null
        and item_id is not null
        and event_date <= {{ as_of_date() }}

),

items as (

    select
        item_id,
        count(*) as customers,
        row_number() over (order by count(*) desc, item_id asc) as item_number
    from bought
    group by item_id
    having count(*) >= {{ var('affinity_min_customers') }}

),

kept as (

    select
        bought.one_id,
        items.item_number
    from bought
    inner join items on bought.item_id = items.item_id
    where items.item_number <= {{ var('affinity_max_items') }}

),

pairs as (

    select
        left_item.item_number as left_number,
        right_item.item_number as right_number,
        count(*) as customers
    from kept as left_item
    inner join kept as right_item
        on
            left_item.one_id = right_item.one_id
            and left_item.item_number < right_item.item_number
    group by left_item.item_number, right_item.item_number
    having count(*) >= {{ var('affinity_min_customers') }}

),

buyers as (

    select count(distinct one_id) as customers
    from bought

),

final as (

    select
        least(left_item.item_id, right_item.item_id) as left_item_id,
        greatest(left_item.item_id, right_item.item_id) as right_item_id,
        pairs.customers,
        round(pairs.customers / cast(buyers.customers as double), 6) as support,
        round(
            pairs.customers * cast(buyers.customers as double)
            / (left_item.customers * right_item.customers), 4
        ) as lift
    from pairs
    inner join items as left_item on pairs.left_number = left_item.item_number
    inner join items as right_item on pairs.right_number = right_item.item_number
    cross join buyers

)

select * from final
