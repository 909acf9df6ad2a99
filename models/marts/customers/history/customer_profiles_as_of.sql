{{ config(materialized='view') }}

{%- set columns = profile_history_columns() %}

-- A row per customer and day: as a table it would be as many times larger as there are days, so it
-- is published as a view, which may read nothing but other marts.

with customer_profiles_daily as (

    select * from {{ ref('customer_profiles_daily') }}
    where is_customer

),

segment_daily as (

    select * from {{ ref('segment_daily') }}

),

-- Days without a build, too: they show what the last one before them does.
days as (

    select
        cast(
            unnest(generate_series(min(as_of_date), max(as_of_date), interval '1 day')) as date
        ) as dt
    from segment_daily

),

final as (

    select
        days.dt,
        customer_profiles_daily.one_id,
        {%- for column in columns[:-1] %}
        customer_profiles_daily.{{ column }},
        {%- endfor %}
        customer_profiles_daily.{{ columns[-1] }}
    from days
    inner join customer_profiles_daily
        on
            days.dt >= customer_profiles_daily.dt
            and (
                days.dt < customer_profiles_daily.next_dt
                or customer_profiles_daily.next_dt is null
            )

)

select * from final
