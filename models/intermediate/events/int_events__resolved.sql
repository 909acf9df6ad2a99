-- Key: event_id.
-- New: rows that a source loaded after the last ones taken from it (by load time, never by event
-- time, so late events come in), and known events whose identifier now belongs to another one_id
-- or whose type a seed now reads differently.
-- A withdrawn event stays as a row that says so: the customers behind it have to be recounted.
-- A rebuild gives the same rows, but for changed_at.

{{
    config(
        materialized='incremental',
        unique_key='event_id',
        incremental_strategy='merge',
    )
}}

with unioned as (

    select * from {{ ref('int_events__unioned') }}

),

id_map as (

    select * from {{ ref('id_map') }}

),

resolved as (

    select
        unioned.event_id,
        id_map.one_id,
        unioned.event_type,
        unioned.channel,
        unioned.platform,
        unioned.item_id,
        unioned.item_price,
        cast(unioned.quantity as bigint) as quantity,
        unioned.revenue,
        unioned.event_time,
        cast(unioned.event_time as date) as event_date,
        unioned.session_id,
        unioned.order_id,
        unioned.country,
        unioned.is_withdrawn,
        unioned.source_name,
        unioned.loaded_at
    from unioned
    left join id_map
        on unioned.id_type = id_map.id_type and unioned.id_value = id_map.id_value

),

{%- if is_incremental() %}

last_loads as (

    select
        source_name,
        max(loaded_at) as last_loaded_at
    from {{ this }}
    group by source_name

),
{%- endif %}

final as (

    select
        resolved.*,
        {{ change_stamp() }} as changed_at
    from resolved
    {%- if is_incremental() %}
    left join last_loads on resolved.source_name = last_loads.source_name
    left join {{ this }} as stored on resolved.event_id = stored.event_id
    where
        last_loads.last_loaded_at is null
        or resolved.loaded_at > last_loads.last_loaded_at
        or stored.one_id is distinct from resolved.one_id
        or stored.event_type is distinct from resolved.event_type
    {%- endif %}

)

select * from final
