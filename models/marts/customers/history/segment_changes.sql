{{ config(materialized='view') }}

with customer_profiles_daily as (

    select * from {{ ref('customer_profiles_daily') }}

),

schemes as (

    {%- for scheme in segment_schemes() %}
    select '{{ scheme }}' as scheme
    {{- ' union all' if not loop.last }}
    {%- endfor %}

),

steps as (

    select
        present.one_id,
        schemes.scheme,
        case schemes.scheme
            {%- for scheme in segment_schemes() %}
            when '{{ scheme }}' then former.{{ scheme }}_segment
            {%- endfor %}
        end as from_segment,
        case schemes.scheme
            {%- for scheme in segment_schemes() %}
            when '{{ scheme }}' then present.{{ scheme }}_segment
            {%- endfor %}
        end as to_segment,
        present.dt as changed_on
    from customer_profiles_daily as present
    left join customer_profiles_daily as former
        on present.one_id = former.one_id and present.dt = former.next_dt
    cross join schemes

),

final as (

    select
        one_id,
        scheme,
        from_segment,
        to_segment,
        changed_on
    from steps
    where from_segment is distinct from to_segment

)

select * from final
