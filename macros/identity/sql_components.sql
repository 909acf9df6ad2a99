{#-
    Experimental, used by no model that ships: connected components by SQL alone, for an engine that
    runs no Python model (Spark and the like): the body of a model, with the same node_id and component_id as int_identity__clusters.

        {{ sql_components(ref('int_identity__edges')) }}

    It replaces the components that `onecdp.identity.resolution.graph` computes. What stays Python is the
    replay of the components that break a limit, a cannot-link or the cap: it takes edges one by
    one, in an order, which SQL can't do in bounded rounds. Those are few: find them by counting
    per component, and replay only their edges where Python runs.

    Randomised contraction (Bögeholz, Brand and Todor, "In-database connected component analysis",
    ICDE 2020). Each round gives every node the smallest of itself and its neighbours, in an order
    that differs from round to round, and what is left are the edges between these. Expected rounds
    grow with the logarithm of the number of nodes; a chain of any length is no worse than a star.
    Each round is a table beside the model; all but <model>__result are dropped at the end.

    edges: relation with left_node_id, right_node_id (bigint from 0) and is_present.
-#}
{% macro sql_components(edges, most_rounds=100) -%}
    {%- if not execute or flags.WHICH not in ('run', 'build') -%}
        select left_node_id as node_id, left_node_id as component_id from {{ edges }} where false
    {%- else -%}
        {%- set rounds = [] -%}
        {%- set edge_tables = [make_component_table('edges_0', first_component_edges(edges))] -%}
        {%- for number in range(most_rounds) if count_component_rows(edge_tables[-1]) -%}
            {%- set left_over = edge_tables[-1] -%}
            {%- set labels = make_component_table(
                'labels_' ~ number, component_labels(left_over, number)
            ) -%}
            {%- do rounds.append(labels) -%}
            {%- do edge_tables.append(
                make_component_table('edges_' ~ (number + 1), contracted_edges(left_over, labels))
            ) -%}
            {#- The first edges stay: their nodes are the result, loops included. -#}
            {%- if number -%} {%- do adapter.drop_relation(left_over) -%} {%- endif -%}
        {%- endfor -%}
        {%- if count_component_rows(edge_tables[-1]) -%}
            {%- do exceptions.raise_compiler_error(
                'components are not found after ' ~ most_rounds ~ ' rounds'
            ) -%}
        {%- endif -%}
        {#- From the last round back: where the label of a node went on to. -#}
        {%- set found = rounds[-1:] -%}
        {%- for number in range(rounds | length - 2, -1, -1) -%}
            {%- set all_labels = make_component_table(
                'found_' ~ number, followed_labels(rounds[number], found[-1])
            ) -%}
            {%- do adapter.drop_relation(found[-1]) -%}
            {%- do adapter.drop_relation(rounds[number]) -%}
            {%- do found.append(all_labels) -%}
        {%- endfor -%}
        {%- set result = make_component_table('result', named_components(
            edges, found[-1] if found else none
        )) -%}
        {%- if found -%} {%- do adapter.drop_relation(found[-1]) -%} {%- endif -%}
        {%- do adapter.drop_relation(edge_tables[0]) -%}
        {%- if edge_tables | length > 1 -%}
            {%- do adapter.drop_relation(edge_tables[-1]) -%}
        {%- endif -%}
        select * from {{ result }}
    {%- endif -%}
{%- endmacro %}

{#- A table beside the model that is being built, with this query's rows. -#}
{% macro make_component_table(name, query) -%}
    {%- set relation = this.incorporate(
        path={'identifier': this.identifier ~ '__' ~ name}, type='table'
    ) -%}
    {%- do adapter.drop_relation(relation) -%}
    {%- do run_query(create_table_as(false, relation, query)) -%}
    {{ return(relation) }}
{%- endmacro %}

{% macro count_component_rows(relation) -%}
    {{ return(run_query('select count(*) from ' ~ relation).columns[0].values()[0]) }}
{%- endmacro %}

{#- A number of 63 bits that differs from round to round, and not from run to run. -#}
{% macro component_salt(number) -%}
    {{ return(local_md5('round ' ~ number)[:15] | int(base=16)) }}
{%- endmacro %}

{% macro first_component_edges(edges) -%}
    select left_node_id, right_node_id
    from {{ edges }}
    where is_present and left_node_id <> right_node_id
{%- endmacro %}

{#-
    The smallest of a node and its neighbours after an exclusive or with the salt, which a second
    one takes back: so the least is found by min(), without a look-up.
-#}
{% macro component_labels(edges, number) -%}
    {%- set salt = component_salt(number) -%}
    with both_ways as (

        select left_node_id as node_id, right_node_id as neighbour_id from {{ edges }}
        union all
        select right_node_id as node_id, left_node_id as neighbour_id from {{ edges }}

    )

    select
        node_id,
        {{ xor_bits(
            'least(' ~ xor_bits('node_id', salt) ~ ', min(' ~ xor_bits('neighbour_id', salt) ~ '))',
            salt
        ) }} as label_id
    from both_ways
    group by node_id
{%- endmacro %}

{% macro contracted_edges(edges, labels) -%}
    select distinct
        least(left_label.label_id, right_label.label_id) as left_node_id,
        greatest(left_label.label_id, right_label.label_id) as right_node_id
    from {{ edges }} as edges
    inner join {{ labels }} as left_label on edges.left_node_id = left_label.node_id
    inner join {{ labels }} as right_label on edges.right_node_id = right_label.node_id
    where left_label.label_id <> right_label.label_id
{%- endmacro %}

{% macro followed_labels(labels, later) -%}
    select labels.node_id, coalesce(later.label_id, labels.label_id) as label_id
    from {{ labels }} as labels
    left join {{ later }} as later on labels.label_id = later.node_id
{%- endmacro %}

{#- Each component by its smallest node; a node without a present edge is one by itself. -#}
{% macro named_components(edges, labels) -%}
    with nodes as (

        select left_node_id as node_id from {{ edges }}
        union
        select right_node_id as node_id from {{ edges }}

    )
    {%- if labels is none %}

    select node_id, node_id as component_id from nodes
    {%- else %},

    components as (

        select label_id, min(node_id) as component_id
        from {{ labels }}
        group by label_id

    )

    select nodes.node_id, coalesce(components.component_id, nodes.node_id) as component_id
    from nodes
    left join {{ labels }} as labels on nodes.node_id = labels.node_id
    left join components on labels.label_id = components.label_id
    {%- endif %}
{%- endmacro %}
