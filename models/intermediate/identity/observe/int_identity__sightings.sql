-- Where each identifier was seen. Which columns of a staging model hold identifiers is declared in
-- its YAML (meta: id_type), which rows count and when in macros/identity/row_sources.sql. Rows of a
-- source with the same identifiers are one set, grouped first, so that everything downstream works
-- on distinct sets instead of every event.
-- Identifiers are checked against the blocklist only here.

{{ config(materialized='table') }}

{%- set declared = identifier_columns() %}

with

{%- for source_name, source in row_sources().items() %}
{%- set columns = declared.get(source.model, {}) | join(', ') %}

{{ source_name }} as (

    select
        *,
        {{ source.channel }} as source_channel,
        {{ source.first_seen }} as first_seen,
        {{ source.last_seen }} as last_seen,
        {{ source.is_active }} as is_active
    from {{ ref(source.model) }}
    where {{ source.rows }}

),

{{ source_name }}_sets as (

    select
        {{ columns }},
        source_channel,
        is_active,
        min(first_seen) as first_seen,
        max(last_seen) as last_seen,
        count(*) as times_seen,
        row_number() over (order by source_channel, is_active, {{ columns }}) as set_number
    from {{ source_name }}
    group by {{ columns }}, source_channel, is_active

),
{%- endfor %}

graph as (

    select
        *,
        row_number() over (order by link_id) as set_number
    from {{ ref('stg_id_graph__links') }}

),

seen as (

    {%- for source_name, source in row_sources().items() %}
    {%- for column, id_type in declared.get(source.model, {}).items() %}
    select
        '{{ source_name }}' as source_name,
        set_number,
        '{{ column }}' as column_name,
        '{{ id_type }}' as id_type,
        {{ column }} as id_value,
        source_channel,
        first_seen,
        last_seen,
        times_seen,
        is_active
    from {{ source_name }}_sets
    where {{ column }} is not null
    union all
    {%- endfor %}
    {%- endfor %}
    {%- for end in ['left', 'right'] %}
    select
        'id_graph' as source_name,
        set_number,
        '{{ end }}_id_value' as column_name,
        {{ end }}_id_type as id_type,
        {{ end }}_id_value as id_value,
        coalesce(source_channel, 'id_graph') as source_channel,
        first_seen,
        last_seen,
        1 as times_seen,
        coalesce(is_active, true) as is_active
    from graph
    where {{ end }}_id_value is not null
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}

),

blocked_values as (

    select * from {{ ref('int_identity__blocked_values') }}

),

final as (

    select
        seen.*,
        {{ node_id('seen.id_type', 'seen.id_value') }} as node_id,
        blocked_values.id_value is not null
        or {{ matches_blocked_pattern('seen.id_type', 'seen.id_value') }} as is_blocked
    from seen
    left join blocked_values
        on
            seen.id_type = blocked_values.id_type
            and lower(seen.id_value) = blocked_values.id_value

)

select * from final
