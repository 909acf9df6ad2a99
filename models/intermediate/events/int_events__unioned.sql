-- By name, not by place: a column added to one source in another order would mix the two.

{%- set columns = [
    'event_id', 'source_name', 'id_type', 'id_value', 'event_type', 'channel', 'platform',
    'item_id', 'item_price', 'quantity', 'revenue', 'event_time', 'session_id', 'order_id',
    'country', 'is_withdrawn', 'loaded_at',
] %}

with app as (

    select * from {{ ref('int_events__app') }}

),

retail as (

    select * from {{ ref('int_events__retail') }}

),

shop as (

    select * from {{ ref('int_events__shop') }}

),

web as (

    select * from {{ ref('int_events__web') }}

),

email as (

    select * from {{ ref('int_events__email') }}

),

support as (

    select * from {{ ref('int_events__support') }}

),

final as (

    {%- for source_name in ['app', 'retail', 'shop', 'web', 'email', 'support'] %}
    select
        {{ columns | join(',\n        ') }}
    from {{ source_name }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}

)

select * from final
