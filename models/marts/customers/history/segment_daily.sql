{{ config(materialized='view') }}

-- The sums of all that customers brought with them into a segment and took away when they left it,
-- up to the day. So it costs what changed, not customers times days.

with customer_profiles_daily as (

    select * from {{ ref('customer_profiles_daily') }}
    where is_customer

),

profile_days as (

    select * from {{ ref('int_customers__profile_days') }}
    where is_shown

),

schemes as (

    {%- for scheme in segment_schemes() %}
    select '{{ scheme }}' as scheme
    {{- ' union all' if not loop.last }}
    {%- endfor %}

),

stays as (

    select
        schemes.scheme,
        case schemes.scheme
            {%- for scheme in segment_schemes() %}
            when '{{ scheme }}' then customer_profiles_daily.{{ scheme }}_segment
            {%- endfor %}
        end as segment,
        customer_profiles_daily.dt,
        customer_profiles_daily.next_dt,
        customer_profiles_daily.gross_revenue as revenue
    from customer_profiles_daily
    cross join schemes

),

moves as (

    select
        scheme,
        segment,
        dt,
        count(*) as customers,
        sum(revenue) as revenue
    from stays
    group by scheme, segment, dt
    union all
    select
        scheme,
        segment,
        next_dt as dt,
        -count(*) as customers,
        -sum(revenue) as revenue
    from stays
    where next_dt is not null
    group by scheme, segment, next_dt

),

segments as (

    select distinct
        scheme,
        segment
    from moves

),

daily as (

    select
        profile_days.dt,
        segments.scheme,
        segments.segment,
        coalesce(sum(moves.customers), 0) as customers,
        coalesce(sum(moves.revenue), 0) as revenue
    from segments
    cross join profile_days
    left join moves
        on
            segments.scheme = moves.scheme
            and segments.segment = moves.segment
            and profile_days.dt = moves.dt
    group by profile_days.dt, segments.scheme, segments.segment

),

summed as (

    select
        dt as as_of_date,
        scheme,
        segment,
        sum(customers) over (partition by scheme, segment order by dt) as customers,
        sum(revenue) over (partition by scheme, segment order by dt) as revenue
    from daily

),

final as (

    select
        as_of_date,
        scheme,
        segment,
        cast(customers as bigint) as customers,
        cast(revenue as decimal(18, 4)) as revenue
    from summed
    where customers > 0

)

select * from final
