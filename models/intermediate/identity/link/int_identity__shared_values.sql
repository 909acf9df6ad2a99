-- Values that several people share, such as a family's tablet or a shop's till: not person-unique,
-- and linked to more person-unique identifiers than the limit. Their links never merge.
-- Key: node_id. New: the ends of changed or removed links, each counted from all of its links.
-- A rebuild gives the same rows, except for changed_at.

{%- set since = keyed_increment(
    unique_key='node_id',
    stamps={'int_identity__candidate_links': 'changed_at'},
    contents=['id_types'],
    looks_up=['int_identity__nodes'],
    removed_keys=['node_id'],
) %}

with

{%- if since %}

{{ touched_pairs(since, ['int_identity__candidate_links']) | replace('touched as', 'pairs as') }}

touched as (

    select left_node_id as node_id from pairs
    union
    select right_node_id as node_id from pairs

),
{%- endif %}

candidate_links as (

    select * from {{ ref('int_identity__candidate_links') }}
    where
        is_active
        and method <> 'manual'
        and confidence >= {{ var('identity_min_confidence') }}

),

nodes as (

    select * from {{ ref('int_identity__nodes') }}

),

id_types as (

    select * from {{ ref('id_types') }}

),

seen_together as (

    select
        links.right_node_id as node_id,
        links.left_node_id as hub_node_id
    from candidate_links as links
    inner join id_types as hub on links.left_priority = hub.priority
    inner join id_types as shared on links.right_priority = shared.priority
    {{ of_touched('links', ['right_node_id'], ['node_id']) if since }}
    where hub.is_person_unique and not shared.is_person_unique
    union all
    select
        links.left_node_id as node_id,
        links.right_node_id as hub_node_id
    from candidate_links as links
    inner join id_types as hub on links.right_priority = hub.priority
    inner join id_types as shared on links.left_priority = shared.priority
    {{ of_touched('links', ['left_node_id'], ['node_id']) if since }}
    where hub.is_person_unique and not shared.is_person_unique

),

counted as (

    select
        node_id,
        count(distinct hub_node_id) as hub_count
    from seen_together
    group by node_id
    having count(distinct hub_node_id) > {{ var('identity_shared_value_hubs') }}

),

shared_nodes as (

    select
        counted.node_id,
        nodes.id_type,
        nodes.id_value,
        counted.hub_count
    from counted
    inner join nodes on counted.node_id = nodes.node_id

),

{{ differences(
    'shared_nodes',
    ['node_id'],
    ['id_type', 'id_value', 'hub_count'],
    touched=['touched', ['node_id']] if since else none,
) }}

select * from final
