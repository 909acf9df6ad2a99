-- Ends with an error that names the line of the seed to fix: with an invalid limit, all people
-- would be split, or none separated.

{{ config(meta={'checked': 'weekly'}) }}

with id_types as (

    select * from {{ ref('id_types') }}

),

compared as (

    select
        *,
        count(*) over (partition by id_type) as rows_of_type,
        count(*) over (partition by priority) as rows_of_priority
    from id_types

),

problems as (

    select
        {{ seed_line('id_types', [
            'id_type', 'priority', 'is_person_unique', 'max_values', 'window_days',
            'default_confidence',
        ]) }} as seed_line,
        case
            when id_type is null
                then 'the type has no name'
            when rows_of_type > 1
                then 'duplicate id_type'
            when priority is null or priority not between 1 and 1000
                then 'priority must be a number from 1 to 1000'
            when rows_of_priority > 1
                then 'another type has the same priority; a tie would leave the choice to chance'
            when is_person_unique is null
                then 'is_person_unique must be true or false'
            when max_values < 1
                then 'max_values must be at least 1, or empty for no limit'
            when window_days is not null and max_values is null
                then 'window_days requires max_values; give both or neither'
            when window_days not between 1 and 36500
                then 'window_days must be from 1 to 36500, or empty for ever'
            when default_confidence is null or default_confidence not between 0 and 1
                then 'default_confidence must be a number from 0 to 1'
        end as problem
    from compared

)

select seed_line
from problems
where problem is not null and {{ stop_with("seed_line || ': ' || problem") }}
