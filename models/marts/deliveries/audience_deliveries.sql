{{
    config(
        materialized='view',
        meta={'by_date': false}
    )
}}

with stg_audit__deliveries as (

    select * from {{ ref('stg_audit__deliveries') }}

),

final as (

    select
        delivery_id,
        destination,
        address,
        case when what <> 'profiles' then what end as package_id,
        package_name,
        segment_rule,
        platform,
        as_of_date,
        rows_inserted,
        rows_updated,
        rows_deleted,
        rows_unchanged,
        rows_refused,
        started_at,
        delivered_at
    from stg_audit__deliveries

)

select * from final
