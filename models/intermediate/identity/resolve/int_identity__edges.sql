-- Key: the pair. What the resolution works on: each pair once, as good as its merging links are.
-- New: pairs that are not as they were. One that is no edge any more stays as a row that says so,
-- so that what it held together is resolved again.
-- A rebuild gives the same present edges, but for changed_at, and no others.

{{
    config(
        materialized='incremental',
        unique_key=['left_node_id', 'right_node_id'],
        incremental_strategy='merge',
    )
}}

{%- set facts = [
    'left_priority', 'right_priority', 'method_rank', 'confidence', 'first_seen', 'last_seen',
] %}

with links as (

    select * from {{ ref('int_identity__links') }}
    where link_status = 'merging'

),

windowed_types as (

    select priority from {{ ref('id_types') }}
    where window_days is not null

),

dated as (

    select
        links.*,
        case links.method when 'manual' then 0 when 'deterministic' then 1 else 2 end
            as method_rank,
        -- Only where it counts: an edge must not change whenever somebody comes back.
        case
            when left_windowed.priority is not null or right_windowed.priority is not null
                then links.last_seen
        end as counted_last_seen
    from links
    left join windowed_types as left_windowed on links.left_priority = left_windowed.priority
    left join windowed_types as right_windowed on links.right_priority = right_windowed.priority

),

present as (

    select
        left_node_id,
        right_node_id,
        min(left_priority) as left_priority,
        min(right_priority) as right_priority,
        cast(min(method_rank) as smallint) as method_rank,
        max(confidence) as confidence,
        min(first_seen) as first_seen,
        max(counted_last_seen) as last_seen,
        true as is_present
    from dated
    group by left_node_id, right_node_id

),

{%- if is_incremental() %}

stored as (

    select * from {{ this }}

),

-- A pair that left keeps what it was.
compared as (

    select
        coalesce(present.left_node_id, stored.left_node_id) as left_node_id,
        coalesce(present.right_node_id, stored.right_node_id) as right_node_id,
        {%- for fact in facts %}
        case when present.is_present then present.{{ fact }} else stored.{{ fact }} end
            as {{ fact }},
        {%- endfor %}
        coalesce(present.is_present, false) as is_present
    from present
    full outer join stored
        on
            present.left_node_id = stored.left_node_id
            and present.right_node_id = stored.right_node_id
    where
        present.is_present is distinct from nullif(stored.is_present, false)
        {%- for fact in facts %}
        or (present.is_present and stored.{{ fact }} is distinct from present.{{ fact }})
        {%- endfor %}

),
{%- endif %}

final as (

    select
        left_node_id,
        right_node_id,
        {%- for fact in facts %}
        {{ fact }},
        {%- endfor %}
        is_present,
        {{ change_stamp() }} as changed_at
    from {{ 'compared' if is_incremental() else 'present' }}

)

select * from final
