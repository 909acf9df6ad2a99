-- depends_on: {{ ref('int_audiences__packages') }}
-- Key: package_id, one_id and changed_at. Append-only and protected from --full-refresh.
-- New: members who were not in the package after the changes stored so far, and those who were and
-- are not any more; of a package whose rule has failed nothing. A build that is killed leaves
-- nothing, and the next one finds all. A rebuild in an empty warehouse has only its own members.

{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        full_refresh=false,
        on_schema_change='fail',
        meta={'compared': true},
    )
}}

with package_members as (

    select * from {{ ref('int_audiences__package_members') }}

),
{%- if is_incremental() %}

failed as (

    select package_id from {{ ref('int_audiences__packages') }}
    where error is not null

),
{%- endif %}

customers as (

    select * from {{ ref('int_customers__customers') }}

),

present as (

    select
        package_members.package_id,
        customers.one_id
    from package_members
    inner join customers on package_members.one_int = customers.one_int

),

known as (

    {%- if is_incremental() and not flags.EMPTY %}
    select
        package_id,
        one_id
    from {{ this }}
    where package_id not in (select failed.package_id from failed)
    group by package_id, one_id
    having sum(case when change = 'entered' then 1 else -1 end) = 1
    {%- else %}
    select
        package_id,
        one_id
    from present
    where false
    {%- endif %}

),

final as (

    select
        coalesce(present.package_id, known.package_id) as package_id,
        coalesce(present.one_id, known.one_id) as one_id,
        case when known.one_id is null then 'entered' else 'left' end as change,
        {{ as_of_date() }} as as_of_date,
        {{ change_stamp() }} as changed_at
    from present
    full outer join known
        on present.package_id = known.package_id and present.one_id = known.one_id
    where present.one_id is null or known.one_id is null

)

select * from final
