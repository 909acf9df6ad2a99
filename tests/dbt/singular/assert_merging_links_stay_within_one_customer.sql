-- Both ends of a merging link carry the same one_id, in the map that readers see.

select
    links.left_id_type,
    links.left_id_value,
    links.right_id_type,
    links.right_id_value,
    left_end.one_id as left_one_id,
    right_end.one_id as right_one_id
from {{ ref('int_identity__links') }} as links
left join {{ ref('id_map') }} as left_end
    on links.left_id_type = left_end.id_type and links.left_id_value = left_end.id_value
left join {{ ref('id_map') }} as right_end
    on links.right_id_type = right_end.id_type and links.right_id_value = right_end.id_value
where
    links.is_merging
    and (left_end.one_id is null or left_end.one_id is distinct from right_end.one_id)
