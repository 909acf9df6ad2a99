-- id_sets turned long, and the two ends of every link of the id graph: all there is to know
-- about where and when an identifier was seen.

with id_sets as (

    select * from {{ ref('int_identity__id_sets') }}

),

graph_links as (

    select * from {{ ref('int_identity__graph_links') }}

),

seen_in_rows as (

    {%- for id in identifier_columns() %}
    select
        id_set_id,
        cast(null as varchar) as link_id,
        {{ node_id("'" ~ id ~ "'", id) }} as node_id,
        '{{ id }}' as id_type,
        {{ id }} as id_value,
        source_channel,
        first_seen,
        last_seen,
        times_seen,
        is_active
    from id_sets
    where {{ id }} is not null
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}

),

seen_in_graph as (

    select
        cast(null as bigint) as id_set_id,
        link_id,
        left_node_id as node_id,
        left_id_type as id_type,
        left_id_value as id_value,
        source_channel,
        first_seen,
        last_seen,
        1 as times_seen,
        is_active
    from graph_links
    union all
    select
        cast(null as bigint) as id_set_id,
        link_id,
        right_node_id as node_id,
        right_id_type as id_type,
        right_id_value as id_value,
        source_channel,
        first_seen,
        last_seen,
        1 as times_seen,
        is_active
    from graph_links

),

final as (

    select * from seen_in_rows
    union all
    select * from seen_in_graph

)

select * from final
