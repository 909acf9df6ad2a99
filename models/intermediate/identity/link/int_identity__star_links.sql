-- From the best-known identifier of each combination to its others.

{%- set ids = identifier_columns() %}

with id_sets as (

    select * from {{ ref('int_identity__id_sets') }}

),

id_types as (

    select * from {{ ref('id_types') }}

),

hubs as (

    select
        *,
        case
            {%- for id in ids %}
            when {{ id }} is not null then '{{ id }}'
            {%- endfor %}
        end as hub_type,
        coalesce({{ ids | join(', ') }}) as hub_value
    from id_sets

),

final as (

    {%- for id in ids[1:] %}
    select
        hubs.id_set_id,
        {{ node_id('hubs.hub_type', 'hubs.hub_value') }} as left_node_id,
        {{ node_id("'" ~ id ~ "'", 'hubs.' ~ id) }} as right_node_id,
        hub.priority as left_priority,
        other.priority as right_priority,
        hubs.source_channel,
        'deterministic' as method,
        least(hub.default_confidence, other.default_confidence) as confidence,
        hubs.first_seen,
        hubs.last_seen,
        hubs.times_seen,
        hubs.is_active
    from hubs
    inner join id_types as hub on hubs.hub_type = hub.id_type
    inner join id_types as other on other.id_type = '{{ id }}'
    where hubs.{{ id }} is not null and hubs.hub_type <> '{{ id }}'
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}

)

select * from final
