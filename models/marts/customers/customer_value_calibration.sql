-- A table rebuilt each day, since another date moves the hold-out period; it reads one row per
-- buyer.

{{ config(materialized='table') }}

{%- set models = {
    'logistic': 'purchase_probability',
    'bg_nbd': 'bg_nbd_probability',
    'recency alone': 'recency_probability',
    'last period repeats': 'repeat_probability',
} %}

with holdout as (

    select * from {{ ref('int_customers__value_scores') }}
    where seen_on < {{ as_of_date() }}

),

predictions as (

    {%- for model, probability in models.items() %}
    select
        '{{ model }}' as model,
        one_id,
        seen_on,
        {{ probability }} as probability,
        case when next_purchase_days > 0 then 1 else 0 end as bought,
        {%- if model == 'bg_nbd' %}
        expected_purchases,
        next_purchase_days as purchases,
        expected_purchases * expected_spend as expected_revenue,
        next_revenue as revenue
        {%- else %}
        null as expected_purchases,
        null as purchases,
        null as expected_revenue,
        null as revenue
        {%- endif %}
    from holdout
    where {{ probability }} is not null
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

ranked as (

    select
        *,
        ntile(10) over (partition by model order by probability desc, one_id asc) as decile,
        -- Of equal probabilities the mean of their ranks.
        rank() over (partition by model order by probability)
        + (count(*) over (partition by model, probability) - 1) / 2.0 as midrank
    from predictions

),

quality as (

    select
        model,
        (
            sum(bought * midrank) - sum(bought) * (sum(bought) + 1) / 2.0
        ) / nullif(sum(bought) * sum(1 - bought), 0) as auc,
        avg((probability - bought) * (probability - bought)) as brier
    from ranked
    group by model

),

final as (

    select
        ranked.model,
        cast(ranked.decile as integer) as decile,
        ranked.seen_on as held_out_after,
        count(*) as customers,
        round(avg(ranked.probability), 6) as predicted_share,
        round(avg(ranked.bought), 6) as actual_share,
        round(sum(ranked.expected_purchases), 4) as predicted_purchases,
        cast(sum(ranked.purchases) as bigint) as actual_purchases,
        round(sum(ranked.expected_revenue), 2) as predicted_revenue,
        cast(sum(ranked.revenue) as decimal(18, 4)) as actual_revenue,
        round(max(quality.auc), 6) as auc,
        round(max(quality.brier), 6) as brier
    from ranked
    inner join quality on ranked.model = quality.model
    group by ranked.model, ranked.decile, ranked.seen_on

)

select * from final
