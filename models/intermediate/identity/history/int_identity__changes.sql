-- Classifies moves of identifiers as changes of one_ids: create, merge, split, move or retire.
-- A new identifier that joins an existing one_id is no change.

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
        max(case when moves.to_one_id is not null then 1 else 0 end) over (
            partition by moves.changed_at, moves.from_one_id
        ) as has_target,
        max(case when moves.from_one_id is not null then 1 else 0 end) over (
            partition by moves.changed_at, moves.to_one_id
        ) as has_source
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
            when from_one_id is null then 'create'
            when to_one_id is null then 'retire'
            when not source_exists and target_existed then 'merge'
            when source_exists and not target_existed then 'split'
            else 'move'
        end as kind,
        from_one_id,
        to_one_id,
        identifier_count
    from named
    where
        (from_one_id is not null and to_one_id is not null)
        or (from_one_id is null and not target_existed and has_source = 0)
        or (to_one_id is null and not source_exists and has_target = 0)

)

select * from final
