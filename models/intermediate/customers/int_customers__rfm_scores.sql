with rfm as (

    select * from {{ ref('int_customers__rfm') }}

),

final as (

    select
        one_id,
        -- The fewer days ago, the higher the score.
        {{ quintile('-recency_days', 'one_id') }} as r_score,
        {{ quintile('frequency', 'one_id') }} as f_score,
        {{ quintile('monetary', 'one_id') }} as m_score
    from rfm

)

select * from final
