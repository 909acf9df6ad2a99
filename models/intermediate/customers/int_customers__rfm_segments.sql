with customer_rfm as (

    select * from {{ ref('customer_rfm') }}

),

rfm_segment_rules as (

    select * from {{ ref('rfm_segment_rules') }}

),

matches as (

    select
        customer_rfm.one_id,
        rules.rfm_segment,
        row_number() over (
            partition by customer_rfm.one_id order by rules.rule_order
        ) as match_rank
    from customer_rfm
    inner join rfm_segment_rules as rules
        on
            customer_rfm.recency_days <= coalesce(rules.max_recency_days, customer_rfm.recency_days)
            and customer_rfm.frequency >= coalesce(rules.min_frequency, customer_rfm.frequency)
            and customer_rfm.monetary >= coalesce(rules.min_monetary, customer_rfm.monetary)

),

final as (

    select
        one_id,
        rfm_segment
    from matches
    where match_rank = 1

)

select * from final
