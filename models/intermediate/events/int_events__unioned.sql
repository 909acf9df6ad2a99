with app as (

    select * from {{ ref('int_events__app') }}

),

retail as (

    select * from {{ ref('int_events__retail') }}

),

final as (

    select * from app
    union all
    select * from retail

)

select * from final
