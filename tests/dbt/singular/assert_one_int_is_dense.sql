-- Bitmaps are small because integers are dense: the highest one_int is the number of one_ids.

select
    count(*) as minted,
    max(one_int) as highest
from {{ ref('int_identity__one_ids') }}
having count(*) != coalesce(max(one_int), 0)
