-- Where each event was read, for `onecdp audience why`.

with app as (

    select * from {{ ref('stg_app__events') }}

),

retail as (

    select * from {{ ref('stg_retail__transactions') }}

),

final as (

    select
        event_id,
        source_file,
        source_line
    from app
    union all
    select
        'retail:' || invoice || ':' || cast(line_number as string) as event_id,
        source_file,
        source_line
    from retail

)

select * from final
