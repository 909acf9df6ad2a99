-- All links before their status is known, one row per pair and channel: identifiers seen in one
-- row, the links of the ID graph, probabilistic links, and manual ones.
-- The left end is the one of higher priority (then the smaller value).
-- Key: the pair, channel, method and is_active. New: pairs with a changed or removed link, and
-- those of overrides. A rebuild gives the same rows, except for changed_at.

{%- set key = ['left_node_id', 'right_node_id', 'source_channel', 'method', 'is_active'] %}
{%- set since = keyed_increment(
    unique_key=key,
    stamps={'int_identity__star_links': 'changed_at', 'int_identity__graph_links': 'changed_at'},
    contents=['id_types', 'id_link_overrides', 'int_identity__probabilistic_links'],
    removed_keys=['left_node_id', 'right_node_id'],
) %}

{%- set columns = [
    'left_node_id', 'right_node_id', 'left_priority', 'right_priority', 'source_channel',
    'method', 'confidence', 'first_seen', 'last_seen', 'times_seen', 'is_active',
] %}

with overrides as (

    select * from {{ ref('int_identity__overrides') }}
    where override = 'must_link'

),

{%- if since %}

{{ touched_pairs(since, ['int_identity__star_links', 'int_identity__graph_links'], ['overrides']) }}
{%- endif %}

star_links as (

    select links.* from {{ ref('int_identity__star_links') }} as links
    {{ of_touched('links', ['left_node_id', 'right_node_id']) if since }}

),

graph_links as (

    select
        links.*,
        'deterministic' as method,
        1 as times_seen
    from {{ ref('int_identity__graph_links') }} as links
    {{ of_touched('links', ['left_node_id', 'right_node_id']) if since }}
    where links.right_node_id is not null

),

probabilistic_links as (

    select * from {{ ref('int_identity__probabilistic_links') }}
    where probability >= {{ var('identity_probabilistic_merge') }}

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
        'crm' as source_channel,
        'probabilistic' as method,
        links.probability as confidence,
        cast(null as timestamp) as first_seen,
        cast(null as timestamp) as last_seen,
        1 as times_seen,
        true as is_active
    from probabilistic_links as links
    inner join id_types as left_type on links.left_id_type = left_type.id_type
    inner join id_types as right_type on links.right_id_type = right_type.id_type

),

-- Overrides never create identifiers: both ends must already be observed, and one of them still
-- be active, or nobody is there whom the other could belong to.
manual_links as (

    select
        overrides.*,
        'override' as source_channel,
        'manual' as method,
        1.0 as confidence,
        1 as times_seen,
        true as is_active,
        greatest(left_node.first_seen, right_node.first_seen) as first_seen,
        least(left_node.last_seen, right_node.last_seen) as last_seen
    from overrides
    inner join nodes as left_node on overrides.left_node_id = left_node.node_id
    inner join nodes as right_node on overrides.right_node_id = right_node.node_id
    where left_node.is_active or right_node.is_active

),

all_links as (

    {%- for name in ['star_links', 'graph_links', 'likely_links', 'manual_links'] %}
    select {{ columns | join(', ') }} from {{ name }}
    {{- ' union all' if not loop.last }}
    {%- endfor %}

),

-- Inactive rows are kept apart, so that they do not raise the confidence of active ones.
grouped as (

    select
        links.left_node_id,
        links.right_node_id,
        cast(min(left_priority) as smallint) as left_priority,
        cast(min(right_priority) as smallint) as right_priority,
        source_channel,
        method,
        cast(max(confidence) as double) as confidence,
        min(first_seen) as first_seen,
        max(last_seen) as last_seen,
        cast(sum(times_seen) as bigint) as times_seen,
        is_active
    from all_links as links
    {{ of_touched('links', ['left_node_id', 'right_node_id']) if since }}
    group by links.left_node_id, links.right_node_id, source_channel, method, is_active

),

{{ differences(
    'grouped',
    key,
    ['left_priority', 'right_priority', 'confidence', 'first_seen', 'last_seen', 'times_seen'],
    touched=['touched', ['left_node_id', 'right_node_id']] if since else none,
) }}

select * from final
