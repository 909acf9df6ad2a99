-- All links before their status is known, one row per pair and channel: identifiers seen in one
-- row, the links of the ID graph, probabilistic links, and manual ones.
-- The left end is the one of higher priority (then the smaller value).

{{ config(materialized='table') }}

{%- set columns = [
    'left_node_id', 'right_node_id', 'left_priority', 'right_priority', 'source_channel',
    'method', 'confidence', 'first_seen', 'last_seen', 'times_seen', 'is_active',
] %}

with star_links as (

    select * from {{ ref('int_identity__star_links') }}

),

graph_links as (

    select * from {{ ref('int_identity__graph_links') }}
    where right_node_id is not null

),

probabilistic_links as (

    select * from {{ ref('int_identity__probabilistic_links') }}
    where probability >= {{ var('identity_probabilistic_merge') }}

),

overrides as (

    select * from {{ ref('int_identity__overrides') }}
    where override = 'must_link'

),

nodes as (

    select * from {{ ref('int_identity__nodes') }}

),

id_types as (

    select * from {{ ref('id_types') }}

),

likely_links as (

    select
        {{ node_id('links.left_id_type', 'links.left_id_value') }} as left_node_id,
        {{ node_id('links.right_id_type', 'links.right_id_value') }} as right_node_id,
        left_type.priority as left_priority,
        right_type.priority as right_priority,
        links.probability
    from probabilistic_links as links
    inner join id_types as left_type on links.left_id_type = left_type.id_type
    inner join id_types as right_type on links.right_id_type = right_type.id_type

),

-- Overrides never create identifiers: both ends must already be observed.
manual_links as (

    select
        overrides.*,
        greatest(left_node.first_seen, right_node.first_seen) as first_seen,
        least(left_node.last_seen, right_node.last_seen) as last_seen
    from overrides
    inner join nodes as left_node on overrides.left_node_id = left_node.node_id
    inner join nodes as right_node on overrides.right_node_id = right_node.node_id

),

all_links as (

    select {{ columns | join(', ') }} from star_links
    union all
    select
        left_node_id,
        right_node_id,
        left_priority,
        right_priority,
        source_channel,
        'deterministic' as method,
        confidence,
        first_seen,
        last_seen,
        1 as times_seen,
        is_active
    from graph_links
    union all
    select
        left_node_id,
        right_node_id,
        left_priority,
        right_priority,
        'crm' as source_channel,
        'probabilistic' as method,
        probability as confidence,
        cast(null as timestamp) as first_seen,
        cast(null as timestamp) as last_seen,
        1 as times_seen,
        true as is_active
    from likely_links
    union all
    select
        left_node_id,
        right_node_id,
        left_priority,
        right_priority,
        'override' as source_channel,
        'manual' as method,
        1.0 as confidence,
        first_seen,
        last_seen,
        1 as times_seen,
        true as is_active
    from manual_links

),

-- Inactive rows are kept apart, so that they do not raise the confidence of active ones.
final as (

    select
        left_node_id,
        right_node_id,
        cast(min(left_priority) as smallint) as left_priority,
        cast(min(right_priority) as smallint) as right_priority,
        source_channel,
        method,
        cast(max(confidence) as double) as confidence,
        min(first_seen) as first_seen,
        max(last_seen) as last_seen,
        cast(sum(times_seen) as bigint) as times_seen,
        is_active
    from all_links
    group by left_node_id, right_node_id, source_channel, method, is_active

)

select * from final
