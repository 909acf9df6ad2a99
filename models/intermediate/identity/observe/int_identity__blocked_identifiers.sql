-- The identifiers, as sources write them, that the blocklist matched.

with sightings as (

    select * from {{ ref('int_identity__sightings') }}
    where is_blocked

),

final as (

    select distinct
        id_type,
        id_value
    from sightings

)

select * from final
