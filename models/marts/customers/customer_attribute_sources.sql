{{ config(materialized='view') }}

with candidates as (

    select * from {{ ref('int_customers__attribute_candidates') }}

),

customers as (

    select * from {{ ref('int_customers__customers') }}

),

final as (

    select
        candidates.one_id,
        candidates.attribute,
        cast(candidates.candidate_rank as bigint) as candidate_rank,
        candidates.candidate_rank = 1 as is_chosen,
        candidates.value,
        candidates.source,
        candidates.source_row,
        candidates.known_at,
        cast(candidates.times_seen as bigint) as times_seen,
        cast(candidates.source_rank as bigint) as source_rank,
        candidates.rule
    from candidates
    inner join customers on candidates.one_id = customers.one_id

)

select * from final
