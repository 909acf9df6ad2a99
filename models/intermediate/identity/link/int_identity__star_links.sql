-- Links within a row of a source: a star from its identifier of the highest priority, the anchor,
-- to each of its others. Rows with the same identifiers are one set.
-- Key: set_number and column_name. New: sets with a changed or removed sighting.
-- A rebuild gives the same rows, except for changed_at.

{%- set since = keyed_increment(
    unique_key=['set_number', 'column_name'],
    stamps={'int_identity__sightings': 'changed_at'},
    contents=['id_types'],
    removed_keys=['left_node_id', 'right_node_id'],
) %}

with

{%- if since %}

touched as (

    select set_number from {{ ref('int_identity__sightings') }}
    where changed_at > {{ since.int_identity__sightings.stamp }} and source_name <> 'id_graph'
    union
    select second_key as set_number from ({{ removed_since('int_identity__sightings', since) }})

),
{%- endif %}

sightings as (

    select seen.* from {{ ref('int_identity__sightings') }} as seen
    {{ of_touched('seen', ['set_number']) if since }}
    where not seen.is_blocked and seen.source_name <> 'id_graph'

),

id_types as (

    select * from {{ ref('id_types') }}

),

ranked as (

    select
        sightings.*,
        id_types.priority,
        id_types.default_confidence,
        row_number() over (
            partition by sightings.source_name, sightings.set_number
            order by id_types.priority, sightings.id_value, sightings.column_name
        ) as place_in_set
    from sightings
    inner join id_types on sightings.id_type = id_types.id_type

),

stars as (

    select
        other.source_name,
        other.set_number,
        other.column_name,
        anchor.node_id as left_node_id,
        other.node_id as right_node_id,
        anchor.priority as left_priority,
        other.priority as right_priority,
        other.source_channel,
        'deterministic' as method,
        least(anchor.default_confidence, other.default_confidence) as confidence,
        other.first_seen,
        other.last_seen,
        other.times_seen,
        other.is_active
    from ranked as other
    inner join ranked as anchor
        on
            other.source_name = anchor.source_name
            and other.set_number = anchor.set_number
            and anchor.place_in_set = 1
    where other.place_in_set > 1 and other.node_id <> anchor.node_id

),

{{ differences(
    'stars',
    ['set_number', 'column_name'],
    [
        'source_name', 'left_node_id', 'right_node_id', 'left_priority', 'right_priority',
        'source_channel', 'method', 'confidence', 'first_seen', 'last_seen', 'times_seen',
        'is_active',
    ],
    touched=['touched', ['set_number']] if since else none,
) }}

select * from final
