-- Classifies moves of active identifiers as changes of one_ids, so that the changes from the first
-- day on, added up, give the number of active identifiers of each one_id.

with moves as (

    select
        changed_at,
        from_one_id,
        to_one_id,
        count(*) as identifier_count
    from {{ ref('int_identity__moves') }}
    group by changed_at, from_one_id, to_one_id

),

id_map_history as (

    select * from {{ ref('id_map_history') }}
    where is_active

),

touched as (

    select
        changed_at,
        from_one_id as one_id
    from moves
    where from_one_id is not null
    union
    select
        changed_at,
        to_one_id as one_id
    from moves
    where to_one_id is not null

),

existence as (

    select
        touched.changed_at,
        touched.one_id,
        any_value(history.one_int) as one_int,
        bool_or(history.dbt_valid_from < touched.changed_at) as existed_before,
        bool_or(
            history.dbt_valid_to is null or history.dbt_valid_to > touched.changed_at
        ) as exists_after
    from touched
    inner join id_map_history as history
        on
            touched.one_id = history.one_id
            and touched.changed_at >= history.dbt_valid_from
            and (history.dbt_valid_to is null or touched.changed_at <= history.dbt_valid_to)
    group by touched.changed_at, touched.one_id

),

named as (

    select
        moves.changed_at,
        moves.from_one_id,
        moves.to_one_id,
        moves.identifier_count,
        coalesce(source.exists_after, false) as source_exists,
        coalesce(target.existed_before, false) as target_existed,
        target.one_int < source.one_int as is_target_older,
        count(*) over (partition by moves.changed_at, moves.from_one_id) as destination_count,
        count(moves.to_one_id) over (partition by moves.changed_at, moves.from_one_id)
            as target_count,
        count(moves.from_one_id) over (partition by moves.changed_at, moves.to_one_id)
            as source_count
    from moves
    left join existence as source
        on moves.changed_at = source.changed_at and moves.from_one_id = source.one_id
    left join existence as target
        on moves.changed_at = target.changed_at and moves.to_one_id = target.one_id

),

final as (

    select
        changed_at,
        case
            when from_one_id is null and not target_existed and source_count = 0 then 'create'
            when from_one_id is null then 'join'
            when to_one_id is null and not source_exists and target_count = 0 then 'retire'
            when to_one_id is null then 'leave'
            -- In whole: nothing went another way.
            when not source_exists and target_existed and destination_count = 1 and is_target_older
                then 'merge'
            when source_exists and not target_existed then 'split'
            else 'move'
        end as kind,
        from_one_id,
        to_one_id,
        identifier_count
    from named

)

select * from final
