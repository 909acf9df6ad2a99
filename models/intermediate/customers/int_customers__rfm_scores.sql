with customer_rfm as (

    select * from {{ ref('customer_rfm') }}

),

final as (

    select
        one_id,
        -- The fewer days ago, the higher the score.
        {{ quintile('-recency_days', 'one_id') }} as r_score,
        {{ quintile('frequency', 'one_id') }} as f_score,
        {{ quintile('monetary', 'one_id') }} as m_score
    from customer_rfm

)

select * from final
