-- The blocklist expanded to one row per type and value: the exact values, and the SHA-256 and MD5
-- of their common spellings, since hashed junk is still junk.
-- Patterns cannot be hashed; of the values that people often type, those that match one are.

{{ config(materialized='table') }}

{%- set most_zeros = 32 %}

with id_blocklist as (

    select * from {{ ref('id_blocklist') }}

),

id_types as (

    select * from {{ ref('id_types') }}

),

listed as (

    select
        id_types.id_type,
        id_blocklist.match,
        coalesce(trim(id_blocklist.id_value), '') as id_value,
        id_blocklist.reason
    from id_blocklist
    inner join id_types on id_blocklist.id_type in (id_types.id_type, '*')

),

exact_values as (

    select
        id_type,
        id_value,
        reason
    from listed
    where match = 'exact'
    union all
    -- Not in the seed: dbt's CSV reader takes the word for no value.
    select
        id_type,
        'null' as id_value,
        'placeholder' as reason
    from id_types

),

often_typed as (

    {%- for length in range(1, most_zeros + 1) %}
    select '{{ '0' * length }}' as id_value
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}

),

found_by_pattern as (

    select
        listed.id_type,
        often_typed.id_value,
        listed.reason
    from listed
    inner join often_typed on {{ matches_pattern('often_typed.id_value', 'listed.id_value') }}
    where listed.match = 'pattern'

),

spellings as (

    select
        id_type,
        id_value,
        reason
    from exact_values
    union all
    select
        id_type,
        lower(id_value) as id_value,
        reason
    from exact_values
    union all
    select
        id_type,
        upper(id_value) as id_value,
        reason
    from exact_values
    union all
    select
        id_type,
        upper(left(id_value, 1)) || lower(substring(id_value, 2)) as id_value,
        reason
    from exact_values
    union all
    select * from found_by_pattern

),

blocked as (

    select
        id_type,
        lower(id_value) as id_value,
        reason
    from exact_values
    union all
    select
        id_type,
        {{ sha256_hex('id_value') }} as id_value,
        'SHA-256 of "' || id_value || '": ' || reason as reason
    from spellings
    union all
    select
        id_type,
        md5(id_value) as id_value,
        'MD5 of "' || id_value || '": ' || reason as reason
    from spellings

),

final as (

    select
        id_type,
        id_value,
        min(reason) as reason
    from blocked
    group by id_type, id_value

)

select * from final
