-- The latest word of each identifier on each purpose; of two at the same moment, the withdrawal. An
-- unsubscription from mails and a complaint about one withdraw e-mail marketing.
-- Key: id_type, id_value and purpose. New: choices and mails by load time, which are compared with
-- the stored word; where a loaded row was replaced, everything is compared.
-- A rebuild gives the same rows, except for changed_at.

{%- set key = ['id_type', 'id_value', 'purpose'] %}
{%- set facts = ['node_id', 'is_granted', 'event_time', 'channel'] %}
{%- set since = keyed_increment(
    unique_key=key,
    stamps={'stg_consents__events': 'loaded_at', 'stg_email__events': 'loaded_at'},
    append_only=['stg_consents__events', 'stg_email__events'],
    removed_keys=['node_id'],
) %}
{{ config(meta={'by_date': false}) }}

with stg_consents__events as (

    select * from {{ ref('stg_consents__events') }}
    {%- if since %}
    where loaded_at > {{ since.stg_consents__events.stamp }}
    {%- endif %}

),

stg_email__events as (

    select * from {{ ref('stg_email__events') }}
    {%- if since %}
    where loaded_at > {{ since.stg_email__events.stamp }}
    {%- endif %}

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
    where id_value is not null
    union all
    select
        'email_hash' as id_type,
        email_hash as id_value,
        'email_marketing' as purpose,
        false as is_granted,
        event_time,
        'email ' || event_type as channel
    from stg_email__events
    where email_hash is not null and event_type in ('unsubscribe', 'complaint')

),

{%- if since %}

touched as (

    select distinct {{ key | join(', ') }} from choices

),
{%- endif %}

known as (

    select * from choices
    {%- if since %}
    union all
    select
        stored.id_type,
        stored.id_value,
        stored.purpose,
        stored.is_granted,
        stored.event_time,
        stored.channel
    from {{ this }} as stored
    {{ of_touched('stored', key) }}
    {%- endif %}

),

ranked as (

    select
        *,
        {{ node_id('id_type', 'id_value') }} as node_id,
        row_number() over (
            partition by {{ key | join(', ') }}
            order by event_time desc, is_granted asc, channel asc nulls last
        ) as place
    from known

),

present as (

    select * from ranked
    where place = 1

),

{{ differences('present', key, facts, touched=['touched', key] if since else none) }}

select * from final
