-- Trimmed once, for the model that evaluates the rules and for those that show them.

with audiences as (

    select * from {{ ref('audiences') }}

),

final as (

    select
        trim(package_id) as package_id,
        trim(package_name) as package_name,
        trim(segment_rule) as segment_rule
    from audiences

)

select * from final
