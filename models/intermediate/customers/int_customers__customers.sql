-- All customers, the one_ids with an active identifier: the spine that every customer model joins.
-- Survivorship of identifiers: of each type in macros/customers/profile_id_columns.sql the active
-- one seen last, then the smaller value.

with id_map as (

    select * from {{ ref('id_map') }}
    where is_active

),

ranked as (

    select
        one_id,
        one_int,
        id_type,
        id_value,
        row_number() over (
            partition by one_id, id_type
            order by last_seen desc nulls last, id_value asc
        ) as survivor_rank
    from id_map

),

final as (

    select
        one_id,
        max(one_int) as one_int,
        count(*) as identifier_count,
        {%- for id in profile_id_columns() %}
        max(case when id_type = '{{ id }}' and survivor_rank = 1 then id_value end) as {{ id }}
        {%- if not loop.last %},{% endif %}
        {%- endfor %}
    from ranked
    group by one_id

)

select * from final
