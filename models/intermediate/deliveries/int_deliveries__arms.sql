-- What each arm of each audience did, in shares: with the Wilson interval of the share that bought,
-- which is right for small arms and for shares near 0, too.

{%- set z = 1.959963984540054 %}

with audiences as (

    select * from {{ ref('int_audiences__audiences') }}

),

outcomes as (

    select * from {{ ref('int_deliveries__outcomes') }}

),

arms as (

    select
        package_id,
        package_name,
        hold_out_share,
        'treatment' as arm
    from audiences
    union all
    select
        package_id,
        package_name,
        hold_out_share,
        'hold_out' as arm
    from audiences
    where hold_out_share > 0

),

counted as (

    select
        arms.package_id,
        arms.package_name,
        arms.hold_out_share,
        arms.arm,
        outcomes.measured_from,
        coalesce(outcomes.customer_count, 0) as customer_count,
        coalesce(outcomes.open_count, 0) as open_count,
        coalesce(outcomes.converted_count, 0) as converted_count,
        coalesce(outcomes.order_count, 0) as order_count,
        coalesce(outcomes.revenue, 0) as revenue,
        cast(outcomes.converted_count as double) / outcomes.customer_count as conversion_rate,
        cast(outcomes.revenue as double) / outcomes.customer_count as revenue_per_customer
    from arms
    left join outcomes on arms.package_id = outcomes.package_id and arms.arm = outcomes.arm

),

estimated as (

    select
        *,
        (2 * converted_count + {{ z * z }}) / (2 * (customer_count + {{ z * z }})) as middle,
        {{ z }} * sqrt({{ z * z }} + 4 * converted_count * (1 - conversion_rate))
        / (2 * (customer_count + {{ z * z }})) as half
    from counted

),

final as (

    select
        *,
        middle - half as rate_low,
        middle + half as rate_high
    from estimated

)

select * from final
