{{ config(materialized='table') }}

with audiences as (

    select * from {{ ref('int_audiences__audiences') }}

),

packages as (

    select * from {{ ref('int_audiences__packages') }}

),

audience_packages as (

    select * from {{ ref('audience_packages') }}

),

customer_profiles as (

    select * from {{ ref('customer_profiles') }}

),

totals as (

    select
        audience_packages.package_id,
        count(*) as customer_count,
        count(case when audience_packages.arm = 'treatment' then 1 end) as treatment_count,
        sum(customer_profiles.total_orders) as total_orders,
        sum(customer_profiles.gross_revenue) as gross_revenue
    from audience_packages
    inner join customer_profiles on audience_packages.one_id = customer_profiles.one_id
    group by audience_packages.package_id

),

final as (

    select
        audiences.package_id,
        audiences.package_name,
        audiences.segment_rule,
        case when packages.error is null then 'built' else 'failed' end as status,
        packages.error,
        audiences.purpose,
        audiences.hold_out_share,
        cast(coalesce(totals.customer_count, 0) as bigint) as customer_count,
        cast(coalesce(totals.treatment_count, 0) as bigint) as treatment_count,
        cast(
            coalesce(totals.customer_count - totals.treatment_count, 0) as bigint
        ) as hold_out_count,
        cast(
            coalesce(packages.user_count - coalesce(totals.customer_count, 0), 0) as bigint
        ) as excluded_count,
        cast(coalesce(totals.total_orders, 0) as bigint) as total_orders,
        cast(coalesce(totals.gross_revenue, 0) as decimal(18, 4)) as gross_revenue,
        cast({{ as_of_date() }} as timestamp) as created_at
    from audiences
    left join packages on audiences.package_id = packages.package_id
    left join totals on audiences.package_id = totals.package_id

)

select * from final
