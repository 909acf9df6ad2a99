{{ config(materialized='view') }}

{%- set columns = profile_history_columns() %}

with profile_changes as (

    select * from {{ ref('int_customers__profile_changes') }}

),

customer_profiles_history as (

    select * from {{ ref('customer_profiles_history') }}

),

first_day as (

    select min(dt) as dt from {{ ref('int_customers__profile_days') }}
    where is_shown

),

final as (

    select
        greatest(profile_changes.dt, first_day.dt) as dt,
        profile_changes.next_dt,
        profile_changes.one_id,
        profile_changes.version_begun_at is not null as is_customer,
        {%- for column in columns[:-1] %}
        customer_profiles_history.{{ column }},
        {%- endfor %}
        customer_profiles_history.{{ columns[-1] }}
    from profile_changes
    left join customer_profiles_history
        on
            profile_changes.one_id = customer_profiles_history.one_id
            and profile_changes.version_begun_at = customer_profiles_history.dbt_valid_from
    cross join first_day
    -- What held on the first day begins with it, and who had ended is not there.
    where
        profile_changes.dt > first_day.dt
        or (
            profile_changes.version_begun_at is not null
            and coalesce(profile_changes.next_dt > first_day.dt, true)
        )

)

select * from final
