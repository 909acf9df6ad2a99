-- The source rows that say that two identifiers belong together: each pair of identifier columns
-- that a staging model's YAML declares, and both ends of the ID graph's links and of overrides.
-- An empty right end means any: a row with one identifier is evidence of that one alone.

{%- set declared = identifier_columns() %}

with

{%- for source_name, source in row_sources().items() %}

{{ source_name }} as (

    select
        *,
        {{ source.seen_at }} as seen_at
    from {{ ref(source.model) }}
    where {{ source.rows }}

),
{%- endfor %}

id_graph as (

    select * from {{ ref('stg_id_graph__links') }}

),

overrides as (

    select * from {{ ref('int_identity__overrides') }}

),

final as (

    {%- for source_name, source in row_sources().items() %}
    {%- set columns = declared.get(source.model, {}).items() | list %}
    {%- for left, left_type in columns %}
    {%- set others = columns[loop.index:] if loop.length > 1 else [(none, none)] %}
    {%- for right, right_type in others %}
    select
        '{{ source_name }}' as source_name,
        source_file,
        source_line,
        seen_at,
        '{{ left_type }}' as left_id_type,
        {{ left }} as left_id_value,
        {{ "'" ~ right_type ~ "'" if right else 'null' }} as right_id_type,
        {{ right or 'null' }} as right_id_value
    from {{ source_name }}
    where {{ left }} is not null and {{ right or left }} is not null
    union all
    {%- endfor %}
    {%- endfor %}
    {%- endfor %}
    -- Two similar accounts (probabilistic links): the row of each.
    select
        'crm' as source_name,
        source_file,
        source_line,
        seen_at,
        'member_id' as left_id_type,
        member_id as left_id_value,
        'member_id' as right_id_type,
        null as right_id_value
    from crm
    union all
    select
        'id_graph' as source_name,
        source_file,
        source_line,
        coalesce(last_seen, first_seen) as seen_at,
        left_id_type,
        left_id_value,
        right_id_type,
        right_id_value
    from id_graph
    where left_id_value is not null and right_id_value is not null
    union all
    select
        'override' as source_name,
        'seeds/id_link_overrides.csv' as source_file,
        null as source_line,
        null as seen_at,
        left_id_type,
        left_id_value,
        right_id_type,
        right_id_value
    from overrides

)

select * from final
