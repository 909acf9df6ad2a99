-- A view: it changes with the date alone, and reads a few columns of the last days' events.

with resolved as (

    select * from {{ ref('int_events__resolved') }}

),

final as (

    select
        one_id,
        count(*) as tickets_90_days
    from resolved
    where
        event_type = 'ticket_created'
        and one_id is not null
        and not is_withdrawn
        and event_date <= {{ as_of_date() }}
        and {{ dbt.datediff('event_date', as_of_date(), 'day') }} < 90 -- noqa: LT05
    group by one_id

)

select * from final
