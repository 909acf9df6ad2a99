{{ config(materialized='table') }}

-- Derived from the versions of profiles at each build, and cheap for its size: who changed on which
-- day follows from when versions begin and end, and these moments are as few as builds.

with days as (

    select
        dt,
        noted_at,
        least(noted_at, former_noted_at) as earlier,
        greatest(noted_at, former_noted_at) as later
    from {{ ref('int_customers__profile_days') }}

),

versions as (

    select
        one_id,
        dbt_valid_from as begun_at,
        coalesce(dbt_valid_to, cast('9999-12-31' as timestamp)) as ended_at,
        {{ row_hash(profile_history_columns()) }} as content
    from {{ ref('customer_profiles_history') }}

),

spans as (

    select distinct
        begun_at,
        ended_at
    from versions

),

-- Where a version is shown on a day, and was not on the one before, or the other way round: it
-- began or ended between the moments of the two.
turns as (

    select
        spans.begun_at,
        spans.ended_at,
        days.dt,
        days.noted_at >= spans.begun_at and days.noted_at < spans.ended_at as is_shown
    from spans
    inner join days
        on
            spans.begun_at > days.earlier
            and spans.begun_at <= days.later
            and spans.ended_at > days.later
    union all
    select
        spans.begun_at,
        spans.ended_at,
        days.dt,
        days.noted_at >= spans.begun_at and days.noted_at < spans.ended_at as is_shown
    from spans
    inner join days
        on
            spans.ended_at > days.earlier
            and spans.ended_at <= days.later
            and spans.begun_at <= days.earlier

),

-- One version at most is shown on a day; where there is none, the customer has ended.
states as (

    select
        versions.one_id,
        turns.dt,
        max(case when turns.is_shown then versions.begun_at end) as version_begun_at,
        max(case when turns.is_shown then versions.content end) as content
    from versions
    inner join turns
        on versions.begun_at = turns.begun_at and versions.ended_at = turns.ended_at
    group by versions.one_id, turns.dt

),

compared as (

    select
        one_id,
        dt,
        version_begun_at,
        content,
        lag(dt) over (partition by one_id order by dt) as former_dt,
        lag(content) over (partition by one_id order by dt) as former_content
    from states

),

final as (

    select
        one_id,
        dt,
        version_begun_at,
        lead(dt) over (partition by one_id order by dt) as next_dt
    from compared
    -- Another version may say the same: of a day that was built twice, or after one built late.
    where former_dt is null or content is distinct from former_content

)

select * from final
