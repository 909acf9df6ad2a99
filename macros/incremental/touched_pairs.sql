{#-
    The CTE `touched`: pairs of nodes with a row that was changed in one of the upstream tables or
    removed from it since the watermark, and the pairs of further CTEs.
-#}
{% macro touched_pairs(since, upstreams, ctes=[]) -%}
touched as (

    {%- for upstream in upstreams %}
    select
        left_node_id,
        right_node_id
    from {{ ref(upstream) }}
    where changed_at > {{ since[upstream].stamp }} and right_node_id is not null
    union
    select
        key as left_node_id,
        second_key as right_node_id
    from ({{ removed_since(upstream, since) }})
    where second_key is not null
    {{- ' union' if not loop.last or ctes }}
    {%- endfor %}
    {%- for name in ctes %}
    select
        left_node_id,
        right_node_id
    from {{ name }}
    {{- ' union' if not loop.last }}
    {%- endfor %}

),
{%- endmacro %}
