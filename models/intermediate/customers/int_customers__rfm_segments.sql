-- Segments of buyers: the first threshold rule that matches, and the scores of the quintile grid.

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
        row_number() over (partition by rfm.one_id order by rules.rule_order) as match_rank
    from rfm
    inner join rfm_segment_rules as rules
        on
            rfm.recency_days <= coalesce(rules.max_recency_days, rfm.recency_days)
            and rfm.frequency >= coalesce(rules.min_frequency, rfm.frequency)
            and rfm.monetary >= coalesce(rules.min_monetary, rfm.monetary)

),

scored as (

    select
        one_id,
        -- The fewer days ago, the higher the score.
        {{ quintile('-recency_days', 'one_id') }} as r_score,
        {{ quintile('frequency', 'one_id') }} as f_score,
        {{ quintile('monetary', 'one_id') }} as m_score
    from rfm

),

final as (

    select
        scored.one_id,
        matches.rfm_segment,
        scored.r_score,
        scored.f_score,
        scored.m_score
    from scored
    left join matches on scored.one_id = matches.one_id and matches.match_rank = 1

)

select * from final
