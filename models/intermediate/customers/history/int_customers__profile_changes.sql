-- Key: one_id and dt. A row where the profile that a day shows is another than that of the day
-- before, for all days that were noted: customer_profiles_daily begins with the first shown one.
-- New: customers that `touched_histories` finds: each is derived from all of its versions. Without
-- watermarks (docs/incremental.md): all customers. Rows that are no change any more are deleted.
-- A rebuild gives the same rows, except for changed_at.

{%- set since = keyed_increment(
    unique_key=['one_id', 'dt'],
    stamps={'customer_profiles_history': 'coalesce(dbt_valid_to, dbt_valid_from)'},
    columns={'is_present': 'boolean default true', 'changed_at': 'timestamp'},
) %}
{{ config(post_hook=['delete from {{ this }} where not is_present', '{{ keep_profile_days() }}']) }}

with profile_days as (

    select * from {{ ref('int_customers__profile_days') }}

),

customer_profiles_history as (

    select * from {{ ref('customer_profiles_history') }}

),

days as (

    select
        dt,
        noted_at,
        least(noted_at, former_noted_at) as earlier,
        greatest(noted_at, former_noted_at) as later
    from profile_days

),

{%- if since %}

touched as (

    {{ touched_histories(since) }}

),
{%- endif %}

versions as (

    select
        kept.one_id,
        kept.dbt_valid_from as begun_at,
        coalesce(kept.dbt_valid_to, cast('9999-12-31' as timestamp)) as ended_at,
        {{ row_hash(profile_history_columns()) }} as content
    from customer_profiles_history as kept
    {{ of_touched('kept', ['one_id']) if since }}

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

present as (

    select
        one_id,
        dt,
        version_begun_at,
        lead(dt) over (partition by one_id order by dt) as next_dt
    from compared
    -- Another version may say the same: of a day that was built twice, or after one built late.
    where former_dt is null or content is distinct from former_content

),

{{ differences(
    'present',
    ['one_id', 'dt'],
    ['version_begun_at', 'next_dt'],
    touched=['touched', ['one_id']] if since else none,
) }}

select * from final
