-- Ends with an error that says which line of the seed to put right: of a pattern that is none the
-- engine would quote a position, and every model that blocks values would end with it.

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
        {{ try_matches_pattern("''", 'coalesce(id_blocklist.id_value, \'\')') }} as is_in_nothing
    from id_blocklist
    left join id_types on id_blocklist.id_type = id_types.id_type

),

problems as (

    select
        'seeds/id_blocklist.csv, line ' || id_type || ',' || match || ','
        || coalesce(id_value, '') || ': '
        || case
            when not is_type_known
                then 'no such type in seeds/id_types.csv; write one of those, or * for all'
            when match not in ('exact', 'pattern')
                then 'match must be exact or pattern'
            when match = 'pattern' and is_in_nothing is null
                then 'not a regular expression'
            when match = 'pattern' and is_in_nothing
                then 'matches the empty text, and so every value; anchor it with ^ and $'
        end as problem
    from tried

)

select problem
from problems
where case when problem is not null then {{ fail_with('problem') }} else false end
