-- Audiences as tags: audience:PKG001 has the customers that the rule of PKG001 selects.

with packages as (

    select * from {{ ref('int_audiences__packages') }}
    where error is null

),

final as (

    select
        'audience:' || package_id as segment_tag,
        'audience' as tag_family,
        user_bitmap,
        user_count
    from packages

)

select * from final
