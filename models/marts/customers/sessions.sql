{{ config(materialized='view') }}

with sessions as (

    select * from {{ ref('int_customers__sessions') }}

),

final as (

    select
        one_id,
        session_id,
        is_given,
        started_at,
        ended_at,
        events,
        pages,
        channel,
        landing_page,
        exit_page,
        is_converted,
        revenue
    from sessions

)

select * from final
