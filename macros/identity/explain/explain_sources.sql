{#-
    The source rows behind each step of explain_path, and behind direct links between two
    identifiers that do not merge: the first three of each source and step, and how many there are.
-#}
{% macro explain_sources() -%}
    with path as materialized (

        select step, from_id_type, from_id_value, to_id_type, to_id_value
        from explain_path(a_type, a_value, b_type, b_value)

    ),

    asked as materialized (

        select * from path
        union all
        select 1, a.id_type, a.id_value, b.id_type, b.id_value
        from explain_node(a_type, a_value) as a
        cross join explain_node(b_type, b_value) as b
        where not exists (select 1 from path)

    ),

    pairs as materialized (

        select
            step,
            from_id_type as left_id_type,
            from_id_value as left_id_value,
            to_id_type as right_id_type,
            to_id_value as right_id_value
        from asked
        union all
        select step, to_id_type, to_id_value, from_id_type, from_id_value from asked

    ),

    rows_found as (

        select
            pairs.step,
            rows_of.source_name as source,
            rows_of.source_file,
            rows_of.source_line,
            rows_of.seen_at
        from pairs
        inner join {{ explain_table('int_identity__link_sources') }} as rows_of
            on
                pairs.left_id_type = rows_of.left_id_type
                and pairs.left_id_value = rows_of.left_id_value
                and pairs.right_id_type = rows_of.right_id_type
                and pairs.right_id_value = rows_of.right_id_value

    ),

    ranked as (

        select
            *,
            row_number() over (
                partition by step, source order by seen_at, source_file, source_line
            ) as row_rank,
            count(*) over (partition by step, source) as row_count
        from rows_found

    )

    select step, source, row_rank, row_count, source_file, source_line, seen_at
    from ranked
    where row_rank <= 3
    order by step, source, row_rank
{%- endmacro %}
