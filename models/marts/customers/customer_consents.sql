{{ config(materialized='view', meta={'by_date': false}) }}

with consents as (

    select * from {{ ref('int_customers__consents') }}

),

final as (

    select
        one_id,
        purpose,
        status,
        id_type,
        id_value,
        event_time,
        channel,
        reason
    from consents

)

select * from final
