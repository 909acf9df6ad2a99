-- The tags of each customer's profile, as numbers: one column per family.

with profiles as (

    select * from {{ ref('customer_profiles') }}

),

tag_values as (

    select * from {{ ref('int_audiences__tag_values') }}

),

tags as (

    select * from {{ ref('int_audiences__tags') }}

),

numbered as (

    select
        tag_values.tag_family,
        tag_values.tag_value,
        tags.tag_number
    from tag_values
    inner join tags
        on
            tag_values.segment_tag = tags.segment_tag
            and tag_values.tag_family = tags.tag_family

),

everybody as (

    select tag_number from tags
    where segment_tag = 'all_customers' and tag_family = 'all'

),

final as (

    select
        profiles.one_int,
        {%- for family in tag_families() %}
        {{ family }}.tag_number as {{ family }},
        {%- endfor %}
        everybody.tag_number as all_customers
    from profiles
    cross join everybody
    {%- for family, column in tag_families().items() %}
    left join numbered as {{ family }}
        on
            profiles.{{ column }} = {{ family }}.tag_value
            and {{ family }}.tag_family = '{{ family }}'
    {%- endfor %}

)

select * from final
