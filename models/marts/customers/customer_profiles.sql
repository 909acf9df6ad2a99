{{ config(materialized='table') }}

with customers as (

    select * from {{ ref('int_customers__customers') }}

),

attributes as (

    select * from {{ ref('int_customers__attributes') }}

),

activity as (

    select * from {{ ref('int_customers__activity') }}

),

engagement as (

    select * from {{ ref('int_customers__engagement') }}

),

recent_tickets as (

    select * from {{ ref('int_customers__recent_tickets') }}

),

plain_emails as (

    select * from {{ ref('stg_personal__plain_emails') }}

),

customer_segments as (

    select * from {{ ref('customer_segments') }}

),

final as (

    select
        customers.one_id,
        customers.one_int,
        {%- for id in profile_id_columns() %}
        customers.{{ id }},
        {%- endfor %}
        customers.identifier_count,
        coalesce(plain_emails.email, attributes.email) as email,
        attributes.real_name,
        attributes.first_name,
        attributes.last_name,
        attributes.gender,
        attributes.birthday,
        attributes.register_date,
        attributes.register_channel,
        attributes.level,
        attributes.total_points,
        attributes.country,
        attributes.signup_date,
        coalesce(activity.orders, 0) as total_orders,
        coalesce(activity.purchase_days, 0) as purchase_days,
        coalesce(activity.gross_revenue, 0) as gross_revenue,
        coalesce(activity.returned_revenue, 0) as returned_revenue,
        cast(
            coalesce(activity.gross_revenue - activity.returned_revenue, 0) as decimal(18, 4)
        ) as net_revenue,
        coalesce(activity.gross_revenue, 0) as total_revenue,
        cast(
            coalesce(activity.gross_revenue / nullif(activity.orders, 0), 0) as decimal(18, 4)
        ) as avg_order_value,
        activity.first_purchase_date,
        activity.last_purchase_date,
        {{ dbt.datediff('activity.last_purchase_date', as_of_date(), 'day') }} -- noqa: LT05
            as days_since_last_purchase,
        coalesce(activity.page_views, 0) as page_views,
        coalesce(activity.page_views, 0) as total_page_views,
        engagement.last_session_date,
        activity.last_session_id,
        activity.last_event_at,
        activity.first_channel,
        activity.last_channel,
        coalesce(engagement.email_opens, 0) as email_opens,
        coalesce(engagement.email_clicks, 0) as email_clicks,
        engagement.last_email_engaged_at,
        coalesce(engagement.is_email_opted_out, false) as is_email_opted_out,
        coalesce(engagement.open_tickets > 0, false) as has_open_ticket,
        coalesce(recent_tickets.tickets_90_days, 0) as tickets_90_days,
        engagement.last_ticket_at,
        customer_segments.rfm_segment,
        customer_segments.grid_segment,
        customer_segments.recency_segment,
        customer_segments.frequency_segment,
        customer_segments.monetary_segment,
        customer_segments.engagement_segment
    from customers
    left join attributes on customers.one_id = attributes.one_id
    left join activity on customers.one_id = activity.one_id
    left join engagement on customers.one_id = engagement.one_id
    left join recent_tickets on customers.one_id = recent_tickets.one_id
    left join plain_emails on attributes.email = plain_emails.email_hash
    left join customer_segments on customers.one_id = customer_segments.one_id

)

select * from final
