-- Key: event_id.
-- New: rows that a source loaded after the last ones included (by load time, never by event time,
-- so late events come in), and known events whose identifier now belongs to another one_id. Without
-- watermarks (docs/incremental.md), such as after a change of a seed: all rows that differ.
-- Withdrawn events are kept as soft-deleted rows so that their customers are recounted.
-- A rebuild gives the same rows, except for changed_at.

{%- set since = keyed_increment(
    unique_key='event_id',
    stamps=dict(source_stamps(), int_identity__map='changed_at'),
    contents=['id_types', 'id_blocklist', 'retail_non_product_codes'],
    looks_up=['int_identity__sightings'],
    columns={'node_id': 'bigint', 'former_customer': 'bigint', 'page': 'varchar'},
) %}
{{ config(post_hook='{{ list_former_customers() }}') }}
{%- set columns = [
    'event_type', 'channel', 'platform', 'item_id', 'item_price', 'quantity', 'revenue',
    'event_time', 'event_date', 'session_id', 'page', 'order_id', 'country', 'is_withdrawn',
    'source_name', 'loaded_at',
] %}

with unioned as (

    select * from {{ ref('int_events__unioned') }}
    {%- if since %}
    where
        {%- for source_name, source in row_sources().items() %}
        source_name = '{{ source_name }}' and loaded_at > {{ since[source.model].stamp }} or
        {%- endfor %}
        source_name not in ('{{ row_sources() | join("', '") }}')
    {%- endif %}

),

map as (

    select * from {{ ref('int_identity__map') }}

),

typed as (

    select
        event_id,
        case when id_value is not null then {{ node_id('id_type', 'id_value') }} end as node_id,
        event_type,
        channel,
        platform,
        item_id,
        item_price,
        cast(quantity as bigint) as quantity,
        revenue,
        event_time,
        cast(event_time as date) as event_date,
        session_id,
        page,
        order_id,
        country,
        is_withdrawn,
        source_name,
        cast(loaded_at as timestamp) as loaded_at
    from unioned

),

new as (

    select
        typed.event_id,
        typed.node_id,
        map.one_id,
        {%- for column in columns %}
        typed.{{ column }},
        {%- endfor %}
        {{ former_customer('stored.one_id', 'map.one_id') }} as former_customer
    from typed
    left join map on typed.node_id = map.node_id
    {%- if has_stored_rows() %}
    left join {{ this }} as stored on typed.event_id = stored.event_id
    {%- endif %}
    {%- if has_stored_rows() and not since %}
    where
        stored.event_id is null
        or stored.node_id is distinct from typed.node_id
        or stored.one_id is distinct from map.one_id
        {%- for column in columns %}
        or stored.{{ column }} is distinct from typed.{{ column }}
        {%- endfor %}
    {%- endif %}

),

{%- if since %}

other as (

    select
        stored.event_id,
        stored.node_id,
        map.one_id,
        {%- for column in columns %}
        stored.{{ column }},
        {%- endfor %}
        {{ former_customer('stored.one_id', 'map.one_id') }} as former_customer
    from {{ this }} as stored
    inner join map on stored.node_id = map.node_id
    where
        map.changed_at > {{ since['int_identity__map'].stamp }}
        and stored.one_id is distinct from map.one_id
        and stored.event_id not in (select new.event_id from new)

),
{%- elif has_stored_rows() %}

-- A changed model may leave events out.
other as (

    select
        stored.event_id,
        stored.node_id,
        stored.one_id,
        {%- for column in columns %}
        {{ 'true as is_withdrawn' if column == 'is_withdrawn' else 'stored.' ~ column }},
        {%- endfor %}
        cast(null as bigint) as former_customer
    from {{ this }} as stored
    left join typed on stored.event_id = typed.event_id
    where typed.event_id is null and not stored.is_withdrawn{{ ' and false' if flags.EMPTY }}

),
{%- endif %}

final as (

    select
        *,
        {{ change_stamp() }} as changed_at
    from new
    {%- if has_stored_rows() %}
    union all
    select
        *,
        {{ change_stamp() }} as changed_at
    from other
    {%- endif %}

)

select * from final
