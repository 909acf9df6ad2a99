-- Which one_id a component carries now: of those whose root it holds, the one minted first. The
-- others rest; when a link is withdrawn and their root stands alone again, they are back.

with node_components as (

    select * from {{ ref('int_identity__node_components') }}

),

one_ids as (

    select * from {{ ref('int_identity__one_ids') }}

),

claims as (

    select
        node_components.component_id,
        node_components.node_id as root_node_id,
        one_ids.one_id,
        one_ids.one_int,
        row_number() over (
            partition by node_components.component_id order by one_ids.one_int
        ) as claim_rank
    from one_ids
    inner join node_components
        on
            one_ids.root_id_type = node_components.id_type
            and one_ids.root_id_value = node_components.id_value

),

final as (

    select
        component_id,
        root_node_id,
        one_id,
        one_int
    from claims
    where claim_rank = 1

)

select * from final
