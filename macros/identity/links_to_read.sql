{#-
    The CTE `links`: all links of the ID graph; or, with the SQL literal `after`, those loaded after
    it and the stored others of the same pairs, in whichever order and spelling they name the ends.
-#}
{% macro links_to_read(after) -%}
{%- if after -%}
loaded as (

    select * from {{ ref('stg_id_graph__links') }}
    where loaded_at > {{ after }}

),

pairs as (

    select distinct
        {{ node_id('left_id_type', 'left_id_value') }} as one_node_id,
        {{ node_id('right_id_type', 'right_id_value') }} as other_node_id
    from loaded

),

others_of_pairs as (

    select stored.link_id
    from {{ this }} as stored
    inner join pairs
        on
            stored.lower_node_id = least(pairs.one_node_id, pairs.other_node_id)
            and stored.upper_node_id = greatest(pairs.one_node_id, pairs.other_node_id)
    where stored.link_id not in (select loaded.link_id from loaded)

),

links as (

    select * from loaded
    union all
    select * from {{ ref('stg_id_graph__links') }}
    where link_id in (select others_of_pairs.link_id from others_of_pairs)

),
{%- else -%}
links as (

    select * from {{ ref('stg_id_graph__links') }}

),
{%- endif %}
{%- endmacro %}
