-- Key: changed_at, kind, from_one_id and to_one_id. Append-only and protected from --full-refresh:
-- past changes keep the link as it was then.
-- New: changes later than the newest stored one. A rebuild in an empty warehouse has only the
-- changes that its own snapshots saw.

{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        full_refresh=false,
        on_schema_change='fail',
        meta={'compared': true},
    )
}}

{#- A constant, so that the filter is pushed into the scans and history is not read each day. -#}
{%- set is_new = '' %}
{%- if is_incremental() %}
{%- set last_recorded_at = run_query('select max(changed_at) from ' ~ this).columns[0].values()[0] %}
{%- set is_new = "where changed_at > cast('" ~ last_recorded_at ~ "' as timestamp)" if last_recorded_at else '' %}
{%- endif %}

with changes as (

    select * from {{ ref('int_identity__changes') }}
    {{ is_new }}

),

moves as (

    select * from {{ ref('int_identity__moves') }}
    {{ is_new }}

),

map as (

    select * from {{ ref('int_identity__map') }}

),

edges as (

    select
        left_node_id,
        right_node_id,
        left_node_id as moved_node_id,
        right_node_id as other_node_id,
        method_rank,
        confidence,
        first_seen,
        is_present,
        changed_at
    from {{ ref('int_identity__edges') }}
    union all
    select
        left_node_id,
        right_node_id,
        right_node_id as moved_node_id,
        left_node_id as other_node_id,
        method_rank,
        confidence,
        first_seen,
        is_present,
        changed_at
    from {{ ref('int_identity__edges') }}

),

-- Between the identifiers that moved and those they joined, the strongest link decided; between
-- them and those they left, the one that went last, else the strongest of those refused.
candidates as (

    select
        changes.changed_at,
        changes.from_one_id,
        changes.to_one_id,
        edges.left_node_id,
        edges.right_node_id,
        row_number() over (
            partition by changes.changed_at, changes.from_one_id, changes.to_one_id
            order by
                case when changes.kind = 'split' and edges.is_present then 1 else 0 end asc,
                case when changes.kind = 'split' then edges.changed_at end desc,
                edges.method_rank asc,
                edges.confidence desc,
                edges.first_seen asc nulls last,
                edges.left_node_id asc,
                edges.right_node_id asc
        ) as place
    from changes
    inner join moves
        on
            changes.changed_at = moves.changed_at
            and changes.from_one_id = moves.from_one_id
            and changes.to_one_id = moves.to_one_id
    inner join edges on moves.node_id = edges.moved_node_id
    inner join map as other
        on
            edges.other_node_id = other.node_id
            and other.one_id
            = case when changes.kind = 'split' then changes.from_one_id else changes.to_one_id end
    left join moves as moved_too
        on
            edges.other_node_id = moved_too.node_id
            and changes.changed_at = moved_too.changed_at
            and changes.from_one_id = moved_too.from_one_id
    where
        moved_too.node_id is null
        and (changes.kind = 'split' or edges.is_present)

),

final as (

    select
        '{{ invocation_id }}' as run_id,
        changes.changed_at,
        changes.kind,
        changes.from_one_id,
        changes.to_one_id,
        changes.identifier_count,
        left_end.id_type as left_id_type,
        left_end.id_value as left_id_value,
        right_end.id_type as right_id_type,
        right_end.id_value as right_id_value
    from changes
    left join candidates
        on
            changes.changed_at = candidates.changed_at
            and changes.from_one_id = candidates.from_one_id
            and changes.to_one_id = candidates.to_one_id
            and candidates.place = 1
    left join map as left_end on candidates.left_node_id = left_end.node_id
    left join map as right_end on candidates.right_node_id = right_end.node_id

)

select * from final
