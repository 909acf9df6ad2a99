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
        attributes.real_name,
        attributes.gender,
        attributes.birthday,
        attributes.register_date,
        attributes.register_channel,
        attributes.level,
        attributes.total_points,
        activity.country,
        coalesce(activity.orders, 0) as total_orders,
        coalesce(activity.purchase_days, 0) as purchase_days,
        coalesce(activity.gross_revenue, 0) as gross_revenue,
        coalesce(activity.returned_revenue, 0) as returned_revenue,
        cast(
            coalesce(activity.gross_revenue - activity.returned_revenue, 0) as decimal(18, 4)
        ) as net_revenue,
        activity.first_purchase_date,
        activity.last_purchase_date,
        coalesce(activity.page_views, 0) as page_views,
        activity.last_session_id,
        activity.last_event_at,
        activity.first_channel,
        activity.last_channel,
        customer_segments.rfm_segment,
        customer_segments.grid_segment,
        customer_segments.recency_segment,
        customer_segments.frequency_segment,
        customer_segments.monetary_segment,
        customer_segments.engagement_segment
    from customers
    left join attributes on customers.one_id = attributes.one_id
    left join activity on customers.one_id = activity.one_id
    left join customer_segments on customers.one_id = customer_segments.one_id

)

select * from final
