{{
    config(
        materialized='view'
    )
}}

-- A view, so that the published table has the tests of the run that publishes it: they run after
-- this model.

with stg_audit__data_quality as (

    select * from {{ ref('stg_audit__data_quality') }}

),

final as (

    select
        check_id,
        run_id,
        check_name,
        rule,
        table_name,
        column_name,
        value,
        at_least,
        at_most,
        verdict,
        checked_at
    from stg_audit__data_quality

)

select * from final
