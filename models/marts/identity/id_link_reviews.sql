-- Probabilistic links for manual review: likely, but below the threshold for merging.

with probabilistic_links as (

    select * from {{ ref('int_identity__probabilistic_links') }}
    where
        probability >= {{ var('identity_probabilistic_review') }}
        and probability < {{ var('identity_probabilistic_merge') }}

),

id_map as (

    select * from {{ ref('id_map') }}

),

final as (

    select
        links.left_id_type,
        links.left_id_value,
        links.right_id_type,
        links.right_id_value,
        left_map.one_id as left_one_id,
        right_map.one_id as right_one_id,
        left_map.one_id = right_map.one_id as is_one_person,
        links.probability,
        links.evidence
    from probabilistic_links as links
    inner join id_map as left_map
        on links.left_id_type = left_map.id_type and links.left_id_value = left_map.id_value
    inner join id_map as right_map
        on links.right_id_type = right_map.id_type and links.right_id_value = right_map.id_value

)

select * from final
