-- A table rebuilt each day, since another date gives each buyer other scores; it reads one row per
-- buyer of two tables.

{{ config(materialized='table') }}

with rfm as (

    select * from {{ ref('int_customers__rfm') }}

),

scores as (

    select * from {{ ref('int_customers__value_scores') }}
    where seen_on = {{ as_of_date() }}

),

final as (

    select
        rfm.one_id,
        rfm.as_of_date,
        scores.probability_alive,
        scores.expected_purchases as expected_purchases_90_days,
        scores.expected_spend,
        round(scores.expected_purchases * scores.expected_spend, 4) as expected_revenue_90_days,
        round(scores.expected_purchases_in_a_year * scores.expected_spend, 4) as clv_365_days,
        scores.purchase_probability as purchase_probability_90_days,
        round(1 - scores.purchase_probability, 6) as churn_probability_90_days
    from rfm
    left join scores on rfm.one_id = scores.one_id

)

select * from final
