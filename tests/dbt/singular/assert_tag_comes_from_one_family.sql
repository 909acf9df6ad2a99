-- A tag of seeds/tags.csv that bears the name of a segment would mix two meanings in one bitmap.

{{ config(meta={'checked': 'weekly'}) }}

select
    segment_tag,
    count(distinct tag_family) as families
from {{ ref('int_audiences__tags') }}
group by segment_tag
having count(distinct tag_family) > 1
