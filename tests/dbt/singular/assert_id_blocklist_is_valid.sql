-- Ends with an error that names the line of the seed to fix: for an invalid pattern the engine
-- gives only a position, and every model that blocks values would fail with it.

{{ config(meta={'checked': 'weekly'}) }}

with id_blocklist as (

    select * from {{ ref('id_blocklist') }}

),

id_types as (

    select * from {{ ref('id_types') }}

),

tried as (

    select
        id_blocklist.*,
        id_types.id_type is not null or id_blocklist.id_type = '*' as is_type_known,
        -- Null where the pattern is no regular expression.
        {{ try_matches_pattern("''", "coalesce(id_blocklist.id_value, '')") }} as is_in_nothing
    from id_blocklist
    left join id_types on id_blocklist.id_type = id_types.id_type

),

problems as (

    select
        {{ seed_line('id_blocklist', ['id_type', 'match', 'id_value', 'reason']) }} as seed_line,
        case
            when not coalesce(is_type_known, false)
                then 'no such type in seeds/id_types.csv; write one of those, or * for all'
            when match is null or match not in ('exact', 'pattern')
                then 'match must be exact or pattern'
            when match = 'pattern' and is_in_nothing is null
                then 'not a regular expression'
            when match = 'pattern' and is_in_nothing
                then 'matches the empty text, and so every value; anchor it with ^ and $'
        end as problem
    from tried

)

select seed_line
from problems
where problem is not null and {{ stop_with("seed_line || ': ' || problem") }}
