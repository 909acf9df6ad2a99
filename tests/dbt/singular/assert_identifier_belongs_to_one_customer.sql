-- An identifier in two customers is two people read as one, or one read as two.

{{ config(meta={'checked': 'weekly'}) }}

select
    id_type,
    id_value,
    count(distinct one_id) as customers
from {{ ref('id_map') }}
group by id_type, id_value
having count(distinct one_id) > 1
