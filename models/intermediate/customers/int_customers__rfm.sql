-- A view: recency changes every day, the counts behind it only with a purchase.

{%- if var('rfm_frequency') not in ('orders', 'days') %}
{{ exceptions.raise_compiler_error(
    "var rfm_frequency is '" ~ var('rfm_frequency') ~ "'; it takes 'orders' or 'days'") }}
{%- endif %}
{%- if var('rfm_monetary') not in ('gross', 'net') %}
{{ exceptions.raise_compiler_error(
    "var rfm_monetary is '" ~ var('rfm_monetary') ~ "'; it takes 'gross' or 'net'") }}
{%- endif %}

with activity as (

    select
        *,
        {{ as_of_date() }} as as_of_date
    from {{ ref('int_customers__activity') }}
    where orders > 0

),

final as (

    select
        one_id,
        as_of_date,
        cast(
            {{ dbt.datediff('last_purchase_date', 'as_of_date', 'day') }} as integer -- noqa: LT05
        ) as recency_days,
        {{ 'orders' if var('rfm_frequency') == 'orders' else 'purchase_days' }} as frequency,
        {%- if var('rfm_monetary') == 'net' %}
        cast(gross_revenue - returned_revenue as decimal(18, 4)) as monetary,
        {%- else %}
        gross_revenue as monetary,
        {%- endif %}
        first_purchase_date,
        last_purchase_date,
        orders,
        purchase_days,
        gross_revenue,
        returned_revenue,
        cast(gross_revenue - returned_revenue as decimal(18, 4)) as net_revenue
    from activity

)

select * from final
