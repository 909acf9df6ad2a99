-- Where each event was read, for `onecdp audience why`.

with

{%- set keys = {
    'stg_app__events': 'event_id',
    'stg_retail__transactions': "'retail:' || invoice || ':' || cast(line_number as string)",
    'stg_shop__transactions': "'shop:' || transaction_id",
    'stg_web__events': "'web:' || event_id",
    'stg_email__events': "'email:' || event_id",
} %}
{%- for model_name in keys %}

{{ model_name }} as (

    select * from {{ ref(model_name) }}

),
{%- endfor %}

tickets as (

    select * from {{ ref('stg_support__tickets') }}

),

-- A ticket has an event per thing that happened to it.
support as (

    select
        event_id,
        {{ replace_pattern('event_id', ':[^:]*$', '') }} as ticket_key
    from {{ ref('int_events__support') }}

),

final as (

    {%- for model_name, key in keys.items() %}
    select
        {{ key }} as event_id,
        source_file,
        source_line
    from {{ model_name }}
    union all
    {%- endfor %}
    select
        support.event_id,
        tickets.source_file,
        tickets.source_line
    from support
    inner join tickets on support.ticket_key = 'support:' || tickets.ticket_id

)

select * from final
