-- The source rows that say that two identifiers belong together: rows that hold both, in any pair
-- of identifier columns that a staging model's YAML declares, as the ends of a link of the ID
-- graph, or in an override. A probabilistic link compares two rows: those of both accounts.

{%- set declared = identifier_columns() %}

with

{%- for source_name, source in sources_with_identifiers().items() %}

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

probabilistic_links as (

    select * from {{ ref('int_identity__probabilistic_links') }}

),

-- By each end, so that members are looked up by a key.
probabilistic_ends as (

    select
        *,
        left_id_value as member_id
    from probabilistic_links

    union all

    select
        *,
        right_id_value as member_id
    from probabilistic_links

),

overrides as (

    select * from {{ ref('int_identity__overrides') }}

),

final as (

    {%- for source_name, source in sources_with_identifiers().items() %}
    {%- set columns = declared.get(source.model, {}).items() | list %}
    {%- for left, left_type in columns %}
    {%- for right, right_type in columns[loop.index:] %}
    select
        '{{ source.get('source', source_name) }}' as source_name,
        source_file,
        source_line,
        seen_at,
        '{{ left_type }}' as left_id_type,
        {{ left }} as left_id_value,
        '{{ right_type }}' as right_id_type,
        {{ right }} as right_id_value
    from {{ source_name }}
    where {{ left }} is not null and {{ right }} is not null
    union all
    {%- endfor %}
    {%- endfor %}
    {%- endfor %}
    select
        'crm' as source_name,
        crm.source_file,
        crm.source_line,
        crm.seen_at,
        links.left_id_type,
        links.left_id_value,
        links.right_id_type,
        links.right_id_value
    from probabilistic_ends as links
    inner join crm on links.member_id = crm.member_id
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
