-- What must be equal on both sides of the build, by counts and sums of narrow columns, so that it
-- can be asked each run. The weekly asserts compare row by row.

with totals as (

    select
        'app events: raw and unified' as total,
        (select count(*) from {{ ref('stg_app__events') }}) as expected,
        (
            select count(*) from {{ ref('int_events__resolved') }}
            where source_name = 'app' and not is_withdrawn
        ) as found
    union all
    select
        'invoice lines: raw and unified' as total,
        (
            select count(*) from {{ ref('stg_retail__transactions') }}
            where not is_withdrawn
        ),
        (
            select count(*) from {{ ref('int_events__resolved') }}
            where source_name = 'retail' and not is_withdrawn
        )
    union all
    select
        'transactions of the shop: raw and unified' as total,
        (
            select count(*) from {{ ref('stg_shop__transactions') }}
            where not is_deleted
        ),
        (
            select count(*) from {{ ref('int_events__resolved') }}
            where source_name = 'shop' and not is_withdrawn
        )
    union all
    select
        'events of the web site and of mails: raw and unified' as total,
        (select count(*) from {{ ref('stg_web__events') }})
        + (select count(*) from {{ ref('stg_email__events') }}),
        (
            select count(*) from {{ ref('int_events__resolved') }}
            where source_name in ('web', 'email') and not is_withdrawn
        )
    union all
    select
        'tickets: raw and unified' as total,
        (
            select count(*) from {{ ref('stg_support__tickets') }}
            where not is_deleted
        ),
        (
            select count(*) from {{ ref('int_events__resolved') }}
            where event_type = 'ticket_created' and source_name = 'support' and not is_withdrawn
        )
    union all
    select
        'events of customers: unified and counted' as total,
        (
            select count(*) from {{ ref('int_events__resolved') }}
            where one_id is not null and not is_withdrawn
        ),
        (select coalesce(sum(event_count), 0) from {{ ref('int_customers__activity') }})
    union all
    select
        'revenue of purchases up to the as-of date: unified and profiles' as total,
        (
            select coalesce(sum(revenue), 0) from {{ ref('int_events__resolved') }}
            where
                one_id is not null
                and not is_withdrawn
                and event_type = 'purchase'
                and event_date <= {{ as_of_date() }}
        ),
        (select coalesce(sum(gross_revenue), 0) from {{ ref('customer_profiles') }})
    union all
    select
        'revenue of purchases up to the as-of date: profiles and cohorts' as total,
        (select coalesce(sum(gross_revenue), 0) from {{ ref('customer_profiles') }}),
        (select coalesce(sum(revenue), 0) from {{ ref('customer_cohorts') }})
    union all
    select
        'revenue of purchases up to the as-of date: unified and orders' as total,
        (
            select coalesce(sum(revenue), 0) from {{ ref('int_events__resolved') }}
            where
                not is_withdrawn
                and event_type = 'purchase'
                and event_date <= {{ as_of_date() }}
        ),
        (select coalesce(sum(revenue), 0) from {{ ref('int_customers__orders') }})
    union all
    select
        'what customers did up to the as-of date: unified and sessions' as total,
        (
            select count(*) from {{ ref('int_events__resolved') }}
            where
                one_id is not null
                and not is_withdrawn
                and {{ is_customer_act('event_type') }}
                and event_date <= {{ as_of_date() }}
        ),
        (select coalesce(sum(events), 0) from {{ ref('int_customers__sessions') }})
    union all
    select
        'tags of profiles and bitmaps' as total,
        (
            select
                count(*)
                {%- for column in tag_families().values() %}
                + count({{ column }})
                {%- endfor %}
            from {{ ref('customer_profiles') }}
        ),
        (
            select coalesce(sum(user_count), 0) from {{ ref('audience_bitmaps') }}
            where
                tag_family = 'all'
                {%- for family in tag_families() %}
                or tag_family = '{{ family }}'
                {%- endfor %}
        )

)

select
    total,
    expected,
    found
from totals
where expected != found
