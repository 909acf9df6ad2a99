-- On the day of the last build, the history shows the profiles of that build and nobody else. It
-- may be older than what the history shows.

{{ config(meta={'checked': 'weekly'}) }}

{%- set columns = profile_history_columns() %}

with days as (

    select dt from {{ ref('int_customers__profile_days') }}
    where is_current and is_shown

),

shown as (

    select
        customer_profiles_as_of.one_id,
        {%- for column in columns[:-1] %}
        customer_profiles_as_of.{{ column }},
        {%- endfor %}
        customer_profiles_as_of.{{ columns[-1] }}
    from {{ ref('customer_profiles_as_of') }} as customer_profiles_as_of
    inner join days on customer_profiles_as_of.dt = days.dt

),

present as (

    select
        customer_profiles.one_id,
        {%- for column in columns[:-1] %}
        customer_profiles.{{ column }},
        {%- endfor %}
        customer_profiles.{{ columns[-1] }}
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
