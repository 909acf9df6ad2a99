-- From when to when each customer was a member of each audience. A former one_id counts as the
-- customer whom it became; what was erased or went several ways is left out.

with membership_changes as (

    select * from {{ ref('audience_membership_changes') }}

),

survivors as (

    select * from {{ ref('int_deliveries__survivors') }}

),

customers as (

    select * from {{ ref('int_customers__customers') }}

),

dated as (

    select
        package_id,
        one_id,
        change,
        changed_at as entered_at,
        lead(changed_at) over (partition by package_id, one_id order by changed_at) as left_at
    from membership_changes

),

final as (

    select
        dated.package_id,
        dated.one_id as entered_as,
        customers.one_id,
        dated.entered_at,
        dated.left_at
    from dated
    left join survivors on dated.one_id = survivors.former_one_id
    inner join customers on coalesce(survivors.one_id, dated.one_id) = customers.one_id
    where dated.change = 'entered'

)

select * from final
