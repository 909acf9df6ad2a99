-- Signed up, and did not buy within 14 days: those who never bought included, once the days are
-- over. A row of seeds/tags.csv can't say it, since signing up is no event.

with profiles as (

    select * from {{ ref('customer_profiles') }}

),

final as (

    select one_id
    from profiles
    where
        register_date + interval '14' day < {{ as_of_date() }}
        and (
            first_purchase_date is null
            or first_purchase_date > register_date + interval '14' day
        )

)

select * from final
