-- The candidates that survived, a column for each attribute.

with candidates as (

    select * from {{ ref('int_customers__attribute_candidates') }}
    where candidate_rank = 1

),

final as (

    select
        one_id,
        {%- for attribute, type in profile_attributes().items() %}
        {%- set best = "max(value) filter (where attribute = '" ~ attribute ~ "')" %}
        {{ best if type == 'string' else 'cast(' ~ best ~ ' as ' ~ type ~ ')' }} as {{ attribute }}
        {%- if not loop.last %},{% endif %}
        {%- endfor %}
    from candidates
    group by one_id

)

select * from final
