-- Ends with an error that names the line of the seed to fix: an override of an unknown type would
-- be ignored silently, and of two that contradict each other one would win.

{{ config(meta={'checked': 'weekly'}) }}

with id_link_overrides as (

    select * from {{ ref('id_link_overrides') }}

),

id_types as (

    select * from {{ ref('id_types') }}

),

normalized as (

    select
        id_link_overrides.*,
        left_type.id_type is not null as is_left_type_known,
        right_type.id_type is not null as is_right_type_known,
        id_link_overrides.left_id_type || ':'
        || {{ normalize_identifier(
            'id_link_overrides.left_id_type', 'id_link_overrides.left_id_value'
        ) }} as left_identifier,
        id_link_overrides.right_id_type || ':'
        || {{ normalize_identifier(
            'id_link_overrides.right_id_type', 'id_link_overrides.right_id_value'
        ) }} as right_identifier
    from id_link_overrides
    left join id_types as left_type on id_link_overrides.left_id_type = left_type.id_type
    left join id_types as right_type on id_link_overrides.right_id_type = right_type.id_type

),

-- A pair is the same pair from either end, and in any spelling.
compared as (

    select
        *,
        count(*) over pair as rows_of_pair,
        min(override) over pair <> max(override) over pair as is_contradicted
    from normalized
    window pair as (
        partition by
            least(left_identifier, right_identifier), greatest(left_identifier, right_identifier)
    )

),

problems as (

    select
        {{ seed_line('id_link_overrides', [
            'override', 'left_id_type', 'left_id_value', 'right_id_type', 'right_id_value',
            'reason',
        ]) }} as seed_line,
        case
            when override is null or override not in ('must_link', 'cannot_link')
                then 'override must be must_link or cannot_link'
            when not (is_left_type_known and is_right_type_known)
                then 'no such type in seeds/id_types.csv; write one of those'
            when left_identifier is null or right_identifier is null
                then 'an end has no value'
            when left_identifier = right_identifier
                then 'both ends are the same identifier'
            when is_contradicted
                then 'the pair is listed as both must_link and cannot_link; keep one'
            when rows_of_pair > 1
                then 'the pair is listed twice; keep one line'
        end as problem
    from compared

)

select seed_line
from problems
where problem is not null and {{ stop_with("seed_line || ': ' || problem") }}
