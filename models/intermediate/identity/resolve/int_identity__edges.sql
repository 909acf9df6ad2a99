-- The input of the resolution: one edge per pair, with the best facts of its merging links.
-- Key: the pair. New: pairs whose facts changed. Removed edges are soft-deleted
-- (is_present = false), so that the component they held together is resolved again.
-- A rebuild gives the same present edges, except for changed_at, and no removed ones.

{%- set pair = ['left_node_id', 'right_node_id'] %}
{%- set since = keyed_increment(
    unique_key=pair,
    stamps={
        'int_identity__candidate_links': 'changed_at',
        'int_identity__shared_values': 'changed_at',
    },
    contents=['id_types'],
) %}
{%- set facts = [
    'left_priority', 'right_priority', 'method_rank', 'confidence', 'first_seen', 'last_seen',
] %}

with

{%- if since %}

no_longer_or_newly_shared as (

    select node_id from {{ ref('int_identity__shared_values') }}
    where changed_at > {{ since.int_identity__shared_values.stamp }}
    union
    select key as node_id from ({{ removed_since('int_identity__shared_values', since) }})

),

their_links as (

    {%- for end in pair %}
    select
        left_node_id,
        right_node_id
    from {{ ref('int_identity__candidate_links') }}
    where {{ end }} in (select node_id from no_longer_or_newly_shared)
    {{- ' union' if not loop.last }}
    {%- endfor %}

),

{{ touched_pairs(since, ['int_identity__candidate_links'], ['their_links']) }}
{%- endif %}

links as (

    select links.* from {{ ref('int_identity__links') }} as links
    {{ of_touched('links', pair) if since }}
    where links.link_status = 'merging'

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
        -- Only where a window uses it: otherwise an edge would change with every visit.
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
        max(counted_last_seen) as last_seen
    from dated
    group by left_node_id, right_node_id

),

{{ differences('present', pair, facts, touched=['touched', pair] if since else none) }}

select * from final
