-- Trimmed once, for the model that evaluates the rules and for those that show them.

with audiences as (

    select
        package_id,
        package_name,
        segment_rule,
        {{ later_audience_columns() }}
    from {{ ref('audiences') }}

),

final as (

    select
        trim(package_id) as package_id,
        trim(package_name) as package_name,
        trim(segment_rule) as segment_rule,
        lower(nullif(trim(purpose), '')) as purpose,
        coalesce(hold_out_share, 0) as hold_out_share
    from audiences

)

select * from final
