{{ config(materialized='view') }}

{%- set columns = profile_history_columns() %}

with profile_changes as (

    select * from {{ ref('int_customers__profile_changes') }}

),

customer_profiles_history as (

    select * from {{ ref('customer_profiles_history') }}

),

final as (

    select
        profile_changes.dt,
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

)

select * from final
