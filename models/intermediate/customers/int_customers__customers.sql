-- Every customer model and mart starts from these rows: bought or not, member or not.

{{ config(materialized='table') }}

with id_map as (

    select * from {{ ref('id_map') }}

),

final as (

    select
        one_id,
        max(one_int) as one_int,
        count(*) as identifier_count
    from id_map
    group by one_id

)

select * from final
