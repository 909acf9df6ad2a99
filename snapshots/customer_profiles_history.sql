{% snapshot customer_profiles_history %}

-- Listed, so that a new column of profiles, such as one with plain values, is kept on purpose only.
with customer_profiles as (

    select
        one_id,
        one_int,
        {{ profile_id_columns() | join(', ') }},
        identifier_count,
        real_name,
        gender,
        birthday,
        register_date,
        register_channel,
        level,
        total_points,
        country,
        total_orders,
        purchase_days,
        gross_revenue,
        returned_revenue,
        net_revenue,
        first_purchase_date,
        last_purchase_date,
        page_views,
        last_session_id,
        last_event_at,
        first_channel,
        last_channel,
        rfm_segment,
        grid_segment,
        recency_segment,
        frequency_segment,
        monetary_segment,
        engagement_segment
    from {{ ref('customer_profiles') }}

),

{{ rows_to_snapshot('customer_profiles') }}

select * from final -- noqa: AM04

{% endsnapshot %}
