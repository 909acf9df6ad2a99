-- If the last rule of seeds/rfm_segment_rules.csv had a limit, or the bands of
-- seeds/value_bands.csv a gap, some buyers would match none, and would count as if they had never
-- bought.

{%- set schemes = ['rfm', 'recency', 'frequency', 'monetary'] %}

with customer_rfm as (

    select * from {{ ref('customer_rfm') }}

),

customer_segments as (

    select * from {{ ref('customer_segments') }}

)

{%- for scheme in schemes %}
select
    customer_rfm.one_id,
    '{{ scheme }}' as scheme
from customer_rfm
left join customer_segments on customer_rfm.one_id = customer_segments.one_id
where coalesce(customer_segments.{{ scheme }}_segment, 'Never purchased') = 'Never purchased'
{{ 'union all' if not loop.last }}
{%- endfor %}
