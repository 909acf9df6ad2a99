-- Rules are data: if the last one is given a limit, customers fall through it.

select rfm.one_id
from {{ ref('customer_rfm') }} as rfm
left join {{ ref('customer_segments') }} as segments on rfm.one_id = segments.one_id
where segments.rfm_segment is null or segments.rfm_segment = 'Never purchased'
