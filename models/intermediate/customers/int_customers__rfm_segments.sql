with rfm as (

    select * from {{ ref('int_customers__rfm') }}

),

rfm_segment_rules as (

    select * from {{ ref('rfm_segment_rules') }}

),

matches as (

    select
        rfm.one_id,
        rules.rfm_segment,
        row_number() over (
            partition by rfm.one_id order by rules.rule_order
        ) as match_rank
    from rfm
    inner join rfm_segment_rules as rules
        on
            rfm.recency_days <= coalesce(rules.max_recency_days, rfm.recency_days)
            and rfm.frequency >= coalesce(rules.min_frequency, rfm.frequency)
            and rfm.monetary >= coalesce(rules.min_monetary, rfm.monetary)

),

final as (

    select
        one_id,
        rfm_segment
    from matches
    where match_rank = 1

)

select * from final
