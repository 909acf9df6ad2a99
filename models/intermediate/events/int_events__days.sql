-- The time spine of the metrics, and the months of cohorts, from the first day that an event may
-- have.

with days as (

    {{ dbt.date_spine('day', "cast('1900-01-01' as date)", "cast('2045-01-01' as date)") }}

),

final as (

    select cast(date_day as date) as date_day
    from days

)

select * from final
