-- The constraints that a pair of clusters would break if merged. Found from the final clusters, not
-- from the replay: constraints are monotonic, so what refused a link is still broken at the end.
-- The same constraints are in onecdp/identity/resolution/, graph.py (`broken`) and replay.py;
-- CONTRIBUTING.md lists all places.

with refused_values as (

    select * from {{ ref('int_identity__refused_values') }}

),

overrides as (

    select * from {{ ref('int_identity__overrides') }}
    where override = 'cannot_link'

),

kept_apart as (

    select
        left_end.lower_cluster_id,
        left_end.upper_cluster_id,
        'cannot_link' as constraint_name,
        cast(null as string) as id_type,
        0 as constraint_rank,
        'seeds/id_link_overrides.csv keeps ' || overrides.left_id_type || ':'
        || overrides.left_id_value || ' and ' || overrides.right_id_type || ':'
        || overrides.right_id_value || ' apart' || coalesce(': ' || overrides.reason, '') as reason
    from overrides
    inner join refused_values as left_end on overrides.left_node_id = left_end.node_id
    inner join refused_values as right_end
        on
            overrides.right_node_id = right_end.node_id
            and left_end.lower_cluster_id = right_end.lower_cluster_id
            and left_end.upper_cluster_id = right_end.upper_cluster_id
            and left_end.cluster_id <> right_end.cluster_id

),

counted as (

    select
        lower_cluster_id,
        upper_cluster_id,
        id_type,
        priority,
        max_values,
        window_days,
        count(*) as value_count,
        count(distinct cluster_id) as side_count
    from refused_values
    where max_values is not null
    group by lower_cluster_id, upper_cluster_id, id_type, priority, max_values, window_days

),

too_many as (

    select * from counted
    where side_count = 2 and value_count > max_values

),

-- How many values were held when each began; the maximum is the peak.
at_once as (

    select
        value.lower_cluster_id,
        value.upper_cluster_id,
        value.id_type,
        value.node_id,
        count(*) as value_count
    from too_many
    inner join refused_values as value
        on
            too_many.lower_cluster_id = value.lower_cluster_id
            and too_many.upper_cluster_id = value.upper_cluster_id
            and too_many.id_type = value.id_type
    inner join refused_values as other
        on
            value.lower_cluster_id = other.lower_cluster_id
            and value.upper_cluster_id = other.upper_cluster_id
            and value.id_type = other.id_type
            and value.held_from between other.held_from and other.held_until
    where too_many.window_days is not null
    group by value.lower_cluster_id, value.upper_cluster_id, value.id_type, value.node_id

),

peaks as (

    select
        lower_cluster_id,
        upper_cluster_id,
        id_type,
        max(value_count) as value_count
    from at_once
    group by lower_cluster_id, upper_cluster_id, id_type

),

limits_broken as (

    select
        too_many.lower_cluster_id,
        too_many.upper_cluster_id,
        'max_values' as constraint_name,
        too_many.id_type,
        too_many.priority as constraint_rank,
        'together they hold ' || cast(coalesce(peaks.value_count, too_many.value_count) as string)
        || ' ' || too_many.id_type || ', a person at most ' || cast(too_many.max_values as string)
        || coalesce(' in ' || cast(too_many.window_days as string) || ' days', '') as reason
    from too_many
    left join peaks
        on
            too_many.lower_cluster_id = peaks.lower_cluster_id
            and too_many.upper_cluster_id = peaks.upper_cluster_id
            and too_many.id_type = peaks.id_type
    where too_many.window_days is null or peaks.value_count > too_many.max_values

),

too_large as (

    select
        lower_cluster_id,
        upper_cluster_id,
        'cluster_size' as constraint_name,
        cast(null as string) as id_type,
        1000 as constraint_rank,
        'together they are ' || cast(count(*) as string) || ' identifiers, at most '
        || '{{ var("identity_max_cluster_size") }}' as reason
    from refused_values
    group by lower_cluster_id, upper_cluster_id
    having count(*) > {{ var('identity_max_cluster_size') }}

),

final as (

    select * from kept_apart
    union all
    select * from limits_broken
    union all
    select * from too_large

)

select * from final
