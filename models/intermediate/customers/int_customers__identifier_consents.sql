-- The latest word of each identifier on each purpose; of two at the same moment, the withdrawal. An
-- unsubscription from mails and a complaint about one withdraw e-mail marketing.

{{ config(meta={'by_date': false}) }}

with stg_consents__events as (

    select * from {{ ref('stg_consents__events') }}

),

stg_email__events as (

    select * from {{ ref('stg_email__events') }}
    where event_type in ('unsubscribe', 'complaint')

),

choices as (

    select
        id_type,
        id_value,
        purpose,
        status = 'granted' as is_granted,
        event_time,
        channel
    from stg_consents__events
    union all
    select
        'email_hash' as id_type,
        email_hash as id_value,
        'email_marketing' as purpose,
        false as is_granted,
        event_time,
        'email ' || event_type as channel
    from stg_email__events

),

ranked as (

    select
        *,
        row_number() over (
            partition by id_type, id_value, purpose
            order by event_time desc, is_granted asc, channel asc nulls last
        ) as place
    from choices
    where id_value is not null

),

final as (

    select
        id_type,
        id_value,
        purpose,
        is_granted,
        event_time,
        channel
    from ranked
    where place = 1

)

select * from final
