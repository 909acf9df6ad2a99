-- Links of the ID graph with a usable end: of a known type, filled, not blocklisted. An unusable
-- end is null, and so is the right end of a link that joins an identifier with itself: such a link
-- joins nobody, and shows that its other end exists.
-- The left end is the one of higher priority (then the smaller value), so that a pair which the
-- graph wrote from both sides is one link.
-- Key: link_id. New: links loaded since, and other rows of their pairs, which they may withdraw.
-- A rebuild gives the same rows, except for changed_at.

{%- set since = keyed_increment(
    unique_key='link_id',
    stamps={'stg_id_graph__links': 'loaded_at'},
    contents=['id_types', 'id_blocklist', 'int_identity__blocked_values'],
    looks_up=['int_identity__sightings'],
    removed_keys=['left_node_id', 'right_node_id'],
    columns={'lower_node_id': 'bigint', 'upper_node_id': 'bigint'},
) %}
{%- set ends = ['id_type', 'id_value', 'priority', 'node_id'] %}
{%- set facts = [
    'lower_node_id', 'upper_node_id', 'source_channel', 'confidence', 'first_seen', 'last_seen',
    'is_active',
] %}
{%- for end in ends %}
{%- do facts.extend(['left_' ~ end, 'right_' ~ end]) %}
{%- endfor %}

with

{{ links_to_read(since.stg_id_graph__links.stamp if since else none) }}

id_types as (

    select * from {{ ref('id_types') }}

),

blocked_identifiers as (

    select * from {{ ref('int_identity__blocked_identifiers') }}

),

checked as (

    select
        links.*,
        {%- for end in ['left', 'right'] %}
        {{ end }}_type.priority as {{ end }}_priority,
        links.{{ end }}_id_value is not null
        and {{ end }}_type.id_type is not null
        and {{ end }}_junk.id_value is null as is_{{ end }}_usable,
        {%- endfor %}
        least(left_type.default_confidence, right_type.default_confidence) as default_confidence,
        links.left_id_type = links.right_id_type
        and links.left_id_value = links.right_id_value as is_one_identifier,
        {{ node_id('links.left_id_type', 'links.left_id_value') }} as left_node_id,
        {{ node_id('links.right_id_type', 'links.right_id_value') }} as right_node_id,
        least(left_node_id, right_node_id) as lower_node_id,
        greatest(left_node_id, right_node_id) as upper_node_id
    from links
    left join id_types as left_type on links.left_id_type = left_type.id_type
    left join id_types as right_type on links.right_id_type = right_type.id_type
    left join blocked_identifiers as left_junk
        on links.left_id_type = left_junk.id_type and links.left_id_value = left_junk.id_value
    left join blocked_identifiers as right_junk
        on links.right_id_type = right_junk.id_type and links.right_id_value = right_junk.id_value

),

directed as (

    select
        *,
        is_left_usable and is_right_usable and not is_one_identifier as is_complete,
        is_left_usable
        and (
            not is_right_usable
            or {{ is_left_first(
                'left_priority', 'left_id_value', 'right_priority', 'right_id_value'
            ) }}
        ) as is_left_first
    from checked
    where is_left_usable or is_right_usable

),

-- A withdrawal that names the ends in the other order or spelling is a row of its own in the raw
-- table and withdraws the same link.
withdrawals as (

    select
        *,
        row_number() over (
            partition by lower_node_id, upper_node_id
            order by loaded_at desc, source_file desc, source_line desc
        ) as place
    from checked
    where not is_active

),

usable as (

    select
        links.link_id,
        links.lower_node_id,
        links.upper_node_id,
        {%- for end in ends %}
        case when links.is_left_first then links.left_{{ end }} else links.right_{{ end }} end
            as left_{{ end }},
        case
            when not links.is_complete then null
            when links.is_left_first then links.right_{{ end }}
            else links.left_{{ end }}
        end as right_{{ end }},
        {%- endfor %}
        coalesce(links.source_channel, 'id_graph') as source_channel,
        coalesce(links.confidence, links.default_confidence) as confidence,
        -- Swapped dates are put in order; otherwise the value would be held at no time.
        case
            when links.last_seen < links.first_seen then links.last_seen else links.first_seen
        end as first_seen,
        coalesce(
            case when links.last_seen < links.first_seen then links.first_seen end,
            links.last_seen, links.first_seen
        ) as last_seen,
        case
            when withdrawals.place is null or not links.is_active
                then coalesce(links.is_active, true)
            else
                (withdrawals.loaded_at, withdrawals.source_file, withdrawals.source_line)
                < (links.loaded_at, links.source_file, links.source_line)
        end as is_active
    from directed as links
    left join withdrawals
        on
            links.lower_node_id = withdrawals.lower_node_id
            and links.upper_node_id = withdrawals.upper_node_id
            and withdrawals.place = 1

),

{{ differences(
    'usable', ['link_id'], facts,
    ['link_id in (select links.link_id from links)'] if since else ['true']
) }}

select * from final
