-- Rows of a source that hold the same identifiers say the same thing: aggregated first, so that
-- everything after this works on distinct sets, not on every event.

{%- set ids = identifier_columns() %}

with stg_crm__members as (

    select * from {{ ref('stg_crm__members') }}

),

stg_app__events as (

    select * from {{ ref('stg_app__events') }}

),

stg_retail__transactions as (

    select * from {{ ref('stg_retail__transactions') }}
    where not is_withdrawn and retail_customer_id is not null

),

members as (

    select
        'crm' as source_channel,
        member_id,
        cast(null as varchar) as union_id,
        retail_customer_id,
        mobile_hash,
        email_hash,
        cast(null as varchar) as open_id,
        cast(null as varchar) as device_id,
        -- A member is known since the registration, where the CRM says when that was.
        coalesce(cast(register_date as timestamp), updated_at) as first_seen,
        coalesce(updated_at, cast(register_date as timestamp)) as last_seen,
        1 as times_seen,
        -- A member that the CRM deleted is known, and says nothing of others any more.
        not is_deleted as is_active
    from stg_crm__members

),

app_sets as (

    select
        coalesce(channel, 'app') as source_channel,
        cast(null as varchar) as member_id,
        union_id,
        cast(null as varchar) as retail_customer_id,
        cast(null as varchar) as mobile_hash,
        cast(null as varchar) as email_hash,
        open_id,
        device_id,
        min(event_time) as first_seen,
        max(event_time) as last_seen,
        count(*) as times_seen,
        true as is_active
    from stg_app__events
    group by coalesce(channel, 'app'), union_id, open_id, device_id

),

retail_sets as (

    select
        'online_retail' as source_channel,
        cast(null as varchar) as member_id,
        cast(null as varchar) as union_id,
        retail_customer_id,
        cast(null as varchar) as mobile_hash,
        cast(null as varchar) as email_hash,
        cast(null as varchar) as open_id,
        cast(null as varchar) as device_id,
        min(invoiced_at) as first_seen,
        max(invoiced_at) as last_seen,
        count(*) as times_seen,
        true as is_active
    from stg_retail__transactions
    group by retail_customer_id

),

unioned as (

    select * from members
    union all
    select * from app_sets
    union all
    select * from retail_sets

),

final as (

    select
        row_number() over (
            order by source_channel, {{ ids | join(', ') }}, first_seen
        ) as id_set_id,
        source_channel,
        {%- for id in ids %}
        {{ unless_blocklisted(id, id) }} as {{ id }},
        {%- endfor %}
        first_seen,
        last_seen,
        times_seen,
        is_active
    from unioned

)

select * from final
