{{ config(meta={'checked': 'weekly'}) }}

-- On the day of the last build, the history shows the profiles of that build and nobody else. The day
-- may be older than what the history shows.

with days as (

    select dt from {{ ref('int_customers__profile_days') }}
    where is_current

),

shown as (

    select
        customer_profiles_as_of.one_id,
        {%- for column in profile_history_columns() %}
        customer_profiles_as_of.{{ column }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from {{ ref('customer_profiles_as_of') }} as customer_profiles_as_of
    inner join days on customer_profiles_as_of.dt = days.dt

),

present as (

    select
        customer_profiles.one_id,
        {%- for column in profile_history_columns() %}
        customer_profiles.{{ column }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from {{ ref('customer_profiles') }} as customer_profiles
    cross join days

),

not_shown as (

    select * from present
    except
    select * from shown

),

not_present as (

    select * from shown
    except
    select * from present

)

select one_id from not_shown
union all
select one_id from not_present
