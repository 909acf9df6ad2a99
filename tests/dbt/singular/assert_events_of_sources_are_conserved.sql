-- Every event of the web site and of mails and both of every ticket reach unified events,
-- and none that its source never sent.

{{ config(meta={'checked': 'weekly'}) }}

with sent as (

    select 'web:' || event_id as event_id from {{ ref('stg_web__events') }}
    union all
    select 'email:' || event_id as event_id from {{ ref('stg_email__events') }}
    union all
    select 'support:' || ticket_id || ':ticket_created' as event_id
    from {{ ref('stg_support__tickets') }}
    where not is_deleted
    union all
    select 'support:' || ticket_id || ':ticket_solved' as event_id
    from {{ ref('stg_support__tickets') }}
    where not is_deleted and (solved_at is not null or status in ('solved', 'closed'))

),

unified as (

    select events.event_id
    from {{ ref('unified_events') }} as events
    inner join {{ ref('int_events__resolved') }} as resolved
        on
            events.event_id = resolved.event_id
            and resolved.source_name in ('web', 'email', 'support')

)

select
    sent.event_id as sent_event_id,
    unified.event_id as unified_event_id
from sent
full outer join unified on sent.event_id = unified.event_id
where sent.event_id is null or unified.event_id is null
