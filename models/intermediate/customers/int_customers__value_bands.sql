with activity as (

    select * from {{ ref('int_customers__activity') }}

),

rfm as (

    select * from {{ ref('int_customers__rfm') }}

),

customers as (

    select * from {{ ref('int_customers__customers') }}

),

value_bands as (

    select * from {{ ref('value_bands') }}

),

measures as (

    select
        one_id,
        'recency' as dimension,
        cast(recency_days as decimal(18, 4)) as measure
    from rfm
    union all
    select
        one_id,
        'frequency' as dimension,
        cast(frequency as decimal(18, 4)) as measure
    from rfm
    union all
    select
        one_id,
        'monetary' as dimension,
        monetary as measure
    from rfm
    union all
    select
        customers.one_id,
        'engagement' as dimension,
        cast(coalesce(activity.page_views, 0) as decimal(18, 4)) as measure
    from customers
    left join activity on customers.one_id = activity.one_id

),

matches as (

    select
        measures.one_id,
        measures.dimension,
        value_bands.band,
        row_number() over (
            partition by measures.one_id, measures.dimension order by value_bands.band_order
        ) as match_rank
    from measures
    inner join value_bands
        on
            measures.dimension = value_bands.dimension
            and measures.measure <= coalesce(value_bands.max_value, measures.measure)
            and measures.measure >= coalesce(value_bands.min_value, measures.measure)

),

final as (

    select
        one_id,
        max(case when dimension = 'recency' then band end) as recency_segment,
        max(case when dimension = 'frequency' then band end) as frequency_segment,
        max(case when dimension = 'monetary' then band end) as monetary_segment,
        max(case when dimension = 'engagement' then band end) as engagement_segment
    from matches
    where match_rank = 1
    group by one_id

)

select * from final
