-- Key: one_id. Append-only, and safe from --full-refresh: what was minted once is never minted
-- again, renumbered or reused.
-- New: a component that holds the root of no one_id yet. It mints one from its first identifier
-- by (first_seen, priority, value). A rebuild in an empty warehouse from the same raw data, loaded
-- in the same order, mints the same one_ids and the same integers.

{{ config(materialized='incremental', incremental_strategy='append', full_refresh=false) }}

with node_components as (

    select * from {{ ref('int_identity__node_components') }}

),

{%- if is_incremental() %}

claimed as (

    select distinct node_components.component_id
    from node_components
    inner join {{ this }} as minted
        on
            node_components.id_type = minted.root_id_type
            and node_components.id_value = minted.root_id_value

),
{%- endif %}

roots as (

    select
        id_type,
        id_value,
        priority,
        first_seen,
        row_number() over (
            partition by component_id
            order by first_seen asc nulls last, priority asc, id_value asc
        ) as rank_in_component
    from node_components
    {%- if is_incremental() %}
    where component_id not in (select claimed.component_id from claimed)
    {%- endif %}

),

final as (

    select
        'ONE' || left({{ sha256_hex("id_type || ':' || id_value") }}, 16) as one_id,
        cast(
            {% if is_incremental() -%}
                (select coalesce(max(minted.one_int), 0) from {{ this }} as minted) +
            {% endif -%}
            row_number() over (
                order by first_seen asc nulls last, priority asc, id_value asc, id_type asc
            ) as bigint
        ) as one_int,
        id_type as root_id_type,
        id_value as root_id_value,
        '{{ invocation_id }}' as minted_by
    from roots
    where rank_in_component = 1

)

select * from final
