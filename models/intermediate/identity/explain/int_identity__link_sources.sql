-- The source rows that say that two identifiers belong together: each pair of identifier columns
-- that a staging model's YAML declares, and both ends of the ID graph's links and of overrides.
-- An empty right end stands for any: a row with one identifier is evidence of that one alone.

{%- set declared = identifier_columns() %}
{%- set row_sources = {'crm': 'members', 'app': 'events', 'retail': 'transactions'} %}
{%- set seen_at = {'crm': 'updated_at', 'app': 'event_time', 'retail': 'invoiced_at'} %}

with crm as (

    select * from {{ ref('stg_crm__members') }}

),

app as (

    select * from {{ ref('stg_app__events') }}

),

retail as (

    select * from {{ ref('stg_retail__transactions') }}
    where not is_withdrawn

),

id_graph as (

    select * from {{ ref('stg_id_graph__links') }}

),

overrides as (

    select * from {{ ref('int_identity__overrides') }}

),

final as (

    {%- for source_name, plural in row_sources.items() %}
    {%- set columns = declared.get('stg_' ~ source_name ~ '__' ~ plural, {}).items() | list %}
    {%- for left, left_type in columns %}
    {%- set others = columns[loop.index:] if loop.length > 1 else [(none, none)] %}
    {%- for right, right_type in others %}
    select
        '{{ source_name }}' as source_name,
        source_file,
        source_line,
        {{ seen_at[source_name] }} as seen_at,
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
    -- Two accounts that are alike (probabilistic links): the row of each.
    select
        'crm' as source_name,
        source_file,
        source_line,
        updated_at as seen_at,
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
