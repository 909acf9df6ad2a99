-- If the last rule of seeds/rfm_segment_rules.csv had a limit, some buyers would match no rule.

select rfm.one_id
from {{ ref('customer_rfm') }} as rfm
left join {{ ref('customer_segments') }} as segments on rfm.one_id = segments.one_id
where segments.rfm_segment is null or segments.rfm_segment = 'Never purchased'
