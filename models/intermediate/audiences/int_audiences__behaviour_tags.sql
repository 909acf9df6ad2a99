-- The rows of seeds/tags.csv, with the number of the selection of events that each counts: rows of
-- the same events share it.

with tags as (

    select * from {{ ref('tags') }}

),

completed as (

    select
        segment_tag,
        event_type,
        window_days,
        min_count,
        max_count,
        min_revenue,
        max_revenue,
        {{ later_tag_columns() }}
    from tags

),

final as (

    select
        *,
        cast(
            dense_rank() over (
                order by event_type, channel, item_id, then_event_type, within_days
            ) as integer
        ) as selection_number
    from completed

)

select * from final
