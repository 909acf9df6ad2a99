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
{#- Two at a time: DuckDB writes three differently when it reads a view again, and the rows of
    int_events__resolved depend on the text of its views (model_fingerprint). #}
{%- set sources = ['app', 'retail', 'shop', 'web', 'email', 'support'] %}
{%- for source_name in sources[1:] %}
{%- set before = sources[0] if loop.first else 'with_' ~ sources[loop.index0] %}

with_{{ source_name }} as (

    select
        {{ columns | join(',\n        ') }}
    from {{ before }}
    union all
    select
        {{ columns | join(',\n        ') }}
    from {{ source_name }}

),
{%- endfor %}

final as (

    select * from with_{{ sources[-1] }}

)

select * from final
