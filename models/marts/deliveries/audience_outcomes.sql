-- Rebuilt for each date: it counts the purchases since the first delivery alone.
-- The interval of the difference is Newcombe's hybrid score interval (Statistics in Medicine 17,
-- 1998, method 10). The sample ratio is the chi-square test of the sizes of the arms, with 1 degree
-- of freedom; 10.83 is p = 0.001.

{{ config(materialized='table') }}

with arms as (

    select * from {{ ref('int_deliveries__arms') }}

),

held as (

    select * from arms
    where arm = 'hold_out'

),

compared as (

    select
        arms.*,
        held.customer_count as held_count,
        (arms.customer_count + held.customer_count) * arms.hold_out_share as expected_count,
        arms.conversion_rate - held.conversion_rate as difference,
        sqrt(
            power(arms.conversion_rate - arms.rate_low, 2)
            + power(held.rate_high - held.conversion_rate, 2)
        ) as below,
        sqrt(
            power(arms.rate_high - arms.conversion_rate, 2)
            + power(held.conversion_rate - held.rate_low, 2)
        ) as above,
        arms.conversion_rate / nullif(held.conversion_rate, 0) - 1 as conversion_lift,
        arms.revenue_per_customer / nullif(held.revenue_per_customer, 0) - 1 as revenue_lift
    from arms
    left join held
        on case when arms.arm = 'treatment' then arms.package_id end = held.package_id

),

tested as (

    select
        *,
        power(held_count - expected_count, 2)
        / nullif(expected_count * (1 - hold_out_share), 0) as sample_ratio_chi_square
    from compared

),

final as (

    select
        package_id,
        package_name,
        arm,
        hold_out_share,
        measured_from,
        cast({{ var('audience_outcome_days') | int }} as integer) as outcome_days,
        cast(customer_count as bigint) as customer_count,
        cast(open_count as bigint) as open_count,
        cast(converted_count as bigint) as converted_count,
        conversion_rate,
        cast(order_count as bigint) as order_count,
        cast(revenue as decimal(18, 4)) as revenue,
        revenue_per_customer,
        conversion_lift,
        difference as conversion_difference,
        difference - below as difference_low,
        difference + above as difference_high,
        revenue_lift,
        sample_ratio_chi_square,
        case
            when expected_count < 5 then 'too few'
            when sample_ratio_chi_square > 10.83 then 'mismatch'
            when sample_ratio_chi_square is not null then 'as expected'
        end as sample_ratio
    from tested

)

select * from final
