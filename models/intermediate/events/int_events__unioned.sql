-- By name, not by place: a column added to one source in another order would mix the two.

{%- set columns = [
    'event_id', 'source_name', 'id_type', 'id_value', 'event_type', 'channel', 'platform',
    'item_id', 'item_price', 'quantity', 'revenue', 'event_time', 'session_id', 'page',
    'order_id', 'country', 'is_withdrawn', 'loaded_at',
] %}

with app as (

    select * from {{ ref('int_events__app') }}

),

retail as (

    select * from {{ ref('int_events__retail') }}

),

final as (

    select
        {{ columns | join(',\n        ') }}
    from app
    union all
    select
        {{ columns | join(',\n        ') }}
    from retail

)

select * from final
