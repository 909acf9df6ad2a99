-- Ends with an error that names the line of the seed to fix. What is wrong with a rule fails its
-- package alone; a share that can't be meant would deliver customers who are to be held out.

{{ config(meta={'checked': 'weekly'}) }}

with audiences as (

    select
        package_id,
        package_name,
        segment_rule,
        {{ later_audience_columns() }}
    from {{ ref('audiences') }}

),

problems as (

    select
        {{ seed_line('audiences', [
            'package_id', 'package_name', 'segment_rule', 'purpose', 'hold_out_share',
        ]) }} as seed_line,
        case
            when not coalesce(hold_out_share, 0) between 0 and 0.99
                then 'hold_out_share ' || hold_out_share || ' must be from 0 to 0.99, such as 0.1'
                    || ' for a tenth'
            when trim(purpose) = '*'
                then 'purpose * is that of seeds/suppressions.csv; write one, or none'
        end as problem
    from audiences

)

select seed_line
from problems
where problem is not null and {{ stop_with("seed_line || ': ' || problem") }}
