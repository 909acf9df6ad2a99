-- Ends with an error that names the line of the seed to fix: a suppression that finds nobody would
-- be ignored silently. A plain address or number is not repeated in the message.

{{ config(meta={'checked': 'weekly'}) }}

with suppressions as (

    select * from {{ ref('suppressions') }}

),

id_types as (

    select * from {{ ref('id_types') }}

),

typed as (

    select
        suppressions.id_type,
        {{ normalize_identifier('suppressions.id_type', 'suppressions.id_value') }} as id_value,
        suppressions.reason,
        id_types.id_type is not null as is_type_known,
        trim(suppressions.id_type) in ('email_hash', 'mobile_hash')
        and (
            suppressions.id_value like '%@%'
            or {{ matches_pattern('suppressions.id_value', "'^[+(]?[0-9][-0-9 ()./]{6,}$'") }}
        ) as is_plain
    from suppressions
    left join id_types on trim(suppressions.id_type) = id_types.id_type

),

shown as (

    select
        id_type,
        is_type_known,
        is_plain,
        case when is_plain then '…' else id_value end as id_value,
        case when is_plain then '…' else reason end as reason
    from typed

),

problems as (

    select
        {{ seed_line('suppressions', ['id_type', 'id_value', 'reason']) }} as seed_line,
        case
            when not is_type_known
                then 'no such type in seeds/id_types.csv; write one of those'
            when id_value is null
                then 'id_value is empty'
            when is_plain
                then 'id_value is no hash; write the SHA-256 of docs/personal-data.md, or another'
                    || ' identifier of the person'
        end as problem
    from shown

)

select seed_line
from problems
where problem is not null and {{ stop_with("seed_line || ': ' || problem") }}
