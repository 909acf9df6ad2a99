-- All tags, numbered: the kernel works on numbers, which mean nothing outside one build.

{{ config(materialized='table') }}

with tag_values as (

    select * from {{ ref('int_audiences__tag_values') }}

),

behaviour_tags as (

    select * from {{ ref('int_audiences__behaviour_tags') }}

),

tags as (

    select
        'all_customers' as segment_tag,
        'all' as tag_family
    union
    select
        segment_tag,
        tag_family
    from tag_values
    union
    select
        segment_tag,
        'behaviour' as tag_family
    from behaviour_tags
    {%- for name in tag_models() %}
    union
    select
        '{{ name }}' as segment_tag,
        'model' as tag_family
    {%- endfor %}

),

final as (

    select
        cast(row_number() over (order by segment_tag, tag_family) - 1 as integer) as tag_number,
        segment_tag,
        tag_family
    from tags

)

select * from final
