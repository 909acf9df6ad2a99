-- Every app event reaches unified events, and none that the app never sent.

{{ config(meta={'checked': 'weekly'}) }}

with app as (

    select event_id from {{ ref('stg_app__events') }}

),

unified as (

    select events.event_id
    from {{ ref('unified_events') }} as events
    inner join {{ ref('int_events__resolved') }} as resolved
        on events.event_id = resolved.event_id and resolved.source_name = 'app'

)

select
    app.event_id as app_event_id,
    unified.event_id as unified_event_id
from app
full outer join unified on app.event_id = unified.event_id
where app.event_id is null or unified.event_id is null
