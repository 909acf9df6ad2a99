{{ config(materialized='table') }}

-- The as-of dates of the history, each with the moment at which the versions of
-- customer_profiles_history were those of that date. Moments go back where a day was built late.
-- The date of this build is no exception: its versions are the current ones, until the build ends
-- well and notes the moment. A table of a row per day, rebuilt each time.

{%- set today = "cast('" ~ run_started_at.strftime("%Y-%m-%d") ~ "' as date)" %}
{%- set shown_days = var('profile_history_days') %}

with profile_days as (

    select
        as_of_date as dt,
        noted_at,
        false as is_current
    from {{ ref('stg_audit__profile_days') }}
    where as_of_date <> {{ as_of_date() }}
    union all
    select
        {{ as_of_date() }} as dt,
        cast('9999-12-30' as timestamp) as noted_at,
        true as is_current

),

-- A date in the future, such as a mistyped one, must not end the history of today.
newest as (

    select
        coalesce(
            max(case when dt <= {{ today }} then dt end),
            max(dt)
        ) as newest_dt
    from profile_days

),

final as (

    select
        profile_days.dt,
        profile_days.noted_at,
        -- Of the day before; the first day has none.
        lag(profile_days.noted_at, 1, cast('1900-01-01' as timestamp)) over (
            order by profile_days.dt
        ) as former_noted_at,
        profile_days.is_current,
        {{ dbt.datediff('profile_days.dt', 'newest.newest_dt', 'day') }} < {{ shown_days }} -- noqa: LT05
            as is_shown
    from profile_days
    cross join newest

)

select * from final
