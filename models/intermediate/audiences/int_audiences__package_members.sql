-- The members of every package, with their arm. Consent is the last step, whatever a rule says:
-- customers of seeds/suppressions.csv are in no package, and an audience with a purpose has only
-- those who granted it. Bitmaps and references between audiences have all whom rules select.

{{ config(materialized='table') }}

with packages as (

    select * from {{ ref('int_audiences__packages') }}
    where error is null

),

audiences as (

    select * from {{ ref('int_audiences__audiences') }}

),

customer_consents as (

    select * from {{ ref('customer_consents') }}
    where status <> 'withdrawn'

),

customers as (

    select * from {{ ref('int_customers__customers') }}

),

-- As bitmaps, so that consent costs a set operation per package, and not a join per member.
consents as (

    select
        customer_consents.purpose,
        customer_consents.status,
        bitmap_build(list(customers.one_int)) as user_bitmap
    from customer_consents
    inner join customers on customer_consents.one_id = customers.one_id
    group by customer_consents.purpose, customer_consents.status

),

suppressed as (

    select user_bitmap from consents
    where status = 'suppressed'

),

granted as (

    select
        purpose,
        user_bitmap
    from consents
    where status = 'granted'

),

consenting as (

    select
        packages.package_id,
        audiences.hold_out_share,
        case
            when audiences.purpose is null then packages.user_bitmap
            else bitmap_and(packages.user_bitmap, granted.user_bitmap)
        end as user_bitmap
    from packages
    inner join audiences on packages.package_id = audiences.package_id
    left join granted on audiences.purpose = granted.purpose
    where audiences.purpose is null or granted.purpose is not null

),

members as (

    select
        consenting.package_id,
        consenting.hold_out_share,
        cast(
            unnest(bitmap_to_array(coalesce(
                bitmap_andnot(consenting.user_bitmap, suppressed.user_bitmap),
                consenting.user_bitmap
            ))) as bigint
        ) as one_int
    from consenting
    left join suppressed on true

),

final as (

    select
        members.package_id,
        members.one_int,
        {{ arm('members.package_id', 'customers.one_id', 'members.hold_out_share') }} as arm
    from members
    left join customers on
        -- Only those that an arm is drawn for, as a key that is null for others: DuckDB joins by
        -- comparing every row with every other where a condition looks at one side alone.
        case when members.hold_out_share > 0 then members.one_int end = customers.one_int

)

select * from final
