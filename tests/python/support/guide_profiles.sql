-- The profile query of the warehouse guide, over the raw tables, with its two faults corrected: an
-- order is worth the sum of its lines, not their average, and who never bought has 0 and is
-- `Never purchased`. It shares nothing with the models but id_map, which says who is who, and the
-- stock codes that are no products. $as_of is the last day that counts.

with map as (

    select one_id, id_type, id_value, is_active, last_seen from marts.id_map

),

acts as (

    select 'union_id' as t1, union_id as v1, 'open_id' as t2, open_id as v2,
        'device_id' as t3, device_id as v3,
        'app' as source, event_id as event, event_id as order_id, event_time as seen_at,
        lower(trim(event_type)) as kind, item_price as paid, null as country
    from raw_app.events
    union all
    select 'retail_customer_id', customer_id, null, null, null, null,
        'retail', invoice || ':' || line_number, invoice, invoice_date,
        case
            when invoice like 'A%' or price < 0 or quantity = 0
                or upper(trim(stock_code)) in (select stock_code from seeds.retail_non_product_codes)
                then 'adjustment'
            when invoice like 'C%' or quantity < 0 then 'return'
            else 'purchase'
        end,
        quantity * price, nullif(trim(country), '')
    from raw_retail.transactions
    where not is_withdrawn
    union all
    select 'customer_id', customer_id, null, null, null, null,
        'shop', transaction_id, transaction_id, transaction_date,
        case when lower(trim(status)) = 'completed' and amount >= 0 then 'purchase' else 'order' end,
        amount, null
    from raw_shop.transactions
    where is_deleted is not true
    union all
    select 'customer_id', customer_id, 'device_id', device_id, null, null,
        'web', event_id, event_id, event_time,
        case
            when lower(trim(event_type)) in ('page_view', 'pageview', 'page') then 'page_view'
            else 'web'
        end,
        null, null
    from raw_web.events
    union all
    select 'email_hash', lower(trim(email_hash)), null, null, null, null,
        'email', event_id, event_id, event_time, 'email_' || lower(trim(event_type)), null, null
    from raw_email.events
    union all
    select 'customer_id', customer_id, 'mobile_hash', lower(trim(mobile_hash)),
        'email_hash', lower(trim(email_hash)),
        'support', ticket_id, ticket_id, created_at, 'ticket', null, null
    from raw_support.tickets
    where is_deleted is not true

),

facts as (

    select coalesce(m1.one_id, m2.one_id, m3.one_id) as one_id, acts.*
    from acts
    left join map as m1
        on acts.t1 = m1.id_type and regexp_replace(trim(acts.v1), '^(-?\d+)\.0+$', '\1') = m1.id_value
    left join map as m2 on acts.t2 = m2.id_type and trim(acts.v2) = m2.id_value
    left join map as m3 on acts.t3 = m3.id_type and trim(acts.v3) = m3.id_value
    where acts.seen_at < $as_of + interval 1 day

),

orders as (

    select one_id, source, order_id, cast(min(seen_at) as date) as first_day,
        cast(max(seen_at) as date) as last_day, sum(paid) as revenue
    from facts
    where kind = 'purchase'
    group by one_id, source, order_id

),

sales as (

    select one_id, count(*) as total_orders, sum(coalesce(revenue, 0)) as total_revenue,
        min(first_day) as first_purchase_date, max(last_day) as last_purchase_date,
        $as_of - max(last_day) as days_since_last_purchase
    from orders
    group by one_id

),

visits as (

    select one_id, count(*) filter (kind = 'page_view') as total_page_views,
        max(cast(seen_at as date)) filter (
            kind not in ('email_sent', 'email_delivered', 'email_bounce')
        ) as last_session_date,
        first(country order by seen_at desc, source || ':' || event desc)
            filter (country is not null) as country
    from facts
    group by one_id

),

shop as (

    select map.one_id,
        first(trim(first_name) order by newest) filter (trim(first_name) != '') as first_name,
        first(trim(last_name) order by newest) filter (trim(last_name) != '') as last_name,
        first(trim(country) order by newest) filter (trim(country) != '') as country,
        first(cast(signup_date as date) order by newest) filter (signup_date is not null)
            as signup_date,
        first(lower(trim(email_hash)) order by newest)
            filter (lower(trim(email_hash)) in (select id_value from map where id_type = 'email_hash'))
            as email_hash
    from (
        select *, row_number() over (order by updated_at desc nulls last, customer_id desc) as newest
        from raw_shop.customers
        where is_deleted is not true
    ) as c
    join map on map.id_type = 'customer_id' and trim(c.customer_id) = map.id_value
    group by map.one_id

),

crm as (

    select map.one_id,
        first(register_date order by updated_at desc nulls last, map.id_value desc)
            filter (register_date is not null) as register_date,
        first(trim(lower(email_hash)) order by updated_at desc nulls last, map.id_value desc)
            filter (
                trim(lower(email_hash)) in (select id_value from map where id_type = 'email_hash')
            ) as email_hash
    from raw_crm.members as m
    join map on map.id_type = 'member_id'
        and regexp_replace(trim(m.member_id), '^(-?\d+)\.0+$', '\1') = map.id_value
    where m.is_deleted is not true
    group by map.one_id

),

people as (

    select one_id,
        first(id_value order by last_seen desc nulls last, id_value)
            filter (id_type = 'customer_id') as customer_id,
        first(id_value order by last_seen desc nulls last, id_value desc)
            filter (id_type = 'email_hash') as email_hash
    from map
    where is_active
    group by one_id

)

select
    people.one_id,
    people.customer_id,
    coalesce(shop.email_hash, crm.email_hash, people.email_hash) as email,
    shop.first_name,
    shop.last_name,
    coalesce(shop.country, visits.country) as country,
    coalesce(shop.signup_date, crm.register_date) as signup_date,
    coalesce(sales.total_orders, 0) as total_orders,
    coalesce(sales.total_revenue, 0) as total_revenue,
    round(coalesce(sales.total_revenue / sales.total_orders, 0), 4) as avg_order_value,
    sales.first_purchase_date,
    sales.last_purchase_date,
    sales.days_since_last_purchase,
    case
        when sales.one_id is null then 'Never purchased'
        when sales.days_since_last_purchase <= 30 then 'Active'
        when sales.days_since_last_purchase <= 90 then 'At Risk'
        when sales.days_since_last_purchase <= 180 then 'Lapsed'
        else 'Churned'
    end as recency_segment,
    case
        when sales.one_id is null then 'Never purchased'
        when sales.total_orders >= 10 then 'High'
        when sales.total_orders >= 3 then 'Medium'
        else 'Low'
    end as frequency_segment,
    case
        when sales.one_id is null then 'Never purchased'
        when sales.total_revenue >= 1000 then 'High Value'
        when sales.total_revenue >= 200 then 'Mid Value'
        else 'Low Value'
    end as monetary_segment,
    coalesce(visits.total_page_views, 0) as total_page_views,
    visits.last_session_date,
    case
        when visits.total_page_views >= 20 then 'Highly Engaged'
        when visits.total_page_views >= 5 then 'Moderately Engaged'
        else 'Low Engagement'
    end as engagement_segment
from people
left join sales using (one_id)
left join visits using (one_id)
left join shop using (one_id)
left join crm using (one_id)
