{{ config(materialized='table') }}

{%- set never = "'Never purchased'" %}

with customers as (

    select * from {{ ref('int_customers__customers') }}

),

rfm_segments as (

    select * from {{ ref('int_customers__rfm_segments') }}

),

rfm_grid_segments as (

    select * from {{ ref('rfm_grid_segments') }}

),

value_bands as (

    select * from {{ ref('int_customers__value_bands') }}

),

final as (

    select
        customers.one_id,
        coalesce(rfm_segments.rfm_segment, {{ never }}) as rfm_segment,
        coalesce(rfm_grid_segments.grid_segment, {{ never }}) as grid_segment,
        rfm_segments.r_score,
        rfm_segments.f_score,
        rfm_segments.m_score,
        coalesce(value_bands.recency_segment, {{ never }}) as recency_segment,
        coalesce(value_bands.frequency_segment, {{ never }}) as frequency_segment,
        coalesce(value_bands.monetary_segment, {{ never }}) as monetary_segment,
        value_bands.engagement_segment
    from customers
    left join rfm_segments on customers.one_id = rfm_segments.one_id
    left join rfm_grid_segments
        on
            rfm_segments.r_score = rfm_grid_segments.r_score
            and rfm_segments.f_score = rfm_grid_segments.f_score
    left join value_bands on customers.one_id = value_bands.one_id

)

select * from final
