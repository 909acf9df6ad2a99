{{ config(materialized='table') }}

with package_members as (

    select * from {{ ref('int_audiences__package_members') }}

),

audiences as (

    select * from {{ ref('int_audiences__audiences') }}

),

customer_profiles as (

    select * from {{ ref('customer_profiles') }}

),

final as (

    select
        audiences.package_id,
        audiences.package_name,
        audiences.segment_rule,
        customer_profiles.one_id,
        customer_profiles.rfm_segment,
        package_members.arm,
        -- As-of date, so that a rebuild gives equal rows.
        cast({{ as_of_date() }} as timestamp) as created_at
    from package_members
    inner join audiences on package_members.package_id = audiences.package_id
    inner join customer_profiles on package_members.one_int = customer_profiles.one_int

)

select * from final
