-- Five by five cells, each named.

{{ config(meta={'checked': 'weekly'}) }}

select count(*) as cells
from {{ ref('rfm_grid_segments') }}
where r_score between 1 and 5 and f_score between 1 and 5
having count(*) != 25
