-- From when the purchases of each member of an audience count, by the same rule in both arms: the
-- first delivery of the audience that began while the customer was a member, whoever was sent by
-- it. Where the audience was never delivered, since others read it: from entering it.

with memberships as (

    select * from {{ ref('int_deliveries__memberships') }}

),

deliveries as (

    select
        what as package_id,
        started_at,
        delivered_at
    from {{ ref('stg_audit__deliveries') }}

),

audiences as (

    select * from {{ ref('int_audiences__audiences') }}

),

delivered as (

    select distinct package_id from deliveries

),

measured as (

    select
        memberships.package_id,
        memberships.one_id,
        'delivery' as measured_from,
        deliveries.delivered_at as counts_from
    from memberships
    asof inner join deliveries
        on
            memberships.package_id = deliveries.package_id
            and memberships.entered_at <= deliveries.started_at
    where memberships.left_at is null or deliveries.started_at < memberships.left_at
    union all
    select
        package_id,
        one_id,
        'entry' as measured_from,
        entered_at as counts_from
    from memberships
    where package_id not in (select delivered.package_id from delivered)

),

final as (

    select
        measured.package_id,
        measured.one_id,
        {{ arm('measured.package_id', 'measured.one_id', 'max(audiences.hold_out_share)') }} as arm,
        max(measured.measured_from) as measured_from,
        min(measured.counts_from) as counts_from
    from measured
    inner join audiences on measured.package_id = audiences.package_id
    group by measured.package_id, measured.one_id

)

select * from final
