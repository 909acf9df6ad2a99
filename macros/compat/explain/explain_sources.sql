{#-
    The rows of the sources behind each step of explain_path, and of links straight between two
    identifiers that don't merge: the first three of each source and step, and how many there are.
    A row counts where both ends stand in it; retail rows carry one identifier alone and are given
    for it.
-#}
{% macro explain_sources() -%}
    {%- set crm_columns = ['member_id', 'retail_customer_id', 'mobile_hash', 'email_hash'] -%}
    {%- set app_columns = ['union_id', 'open_id', 'device_id'] -%}
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
        {%- for source, relation, seen_at, columns in [
            ('crm', 'stg_crm__members', 'updated_at', crm_columns),
            ('app', 'stg_app__events', 'event_time', app_columns),
        ] %}
        {%- for left in columns %}
        {%- for right in columns if columns.index(right) > columns.index(left) %}
        select
            pairs.step,
            '{{ source }}' as source,
            rows_of.source_file,
            rows_of.source_line,
            rows_of.{{ seen_at }} as seen_at
        from pairs
        inner join {{ explain_table(relation) }} as rows_of
            on pairs.left_id_value = rows_of.{{ left }} and pairs.right_id_value = rows_of.{{ right }}
        where pairs.left_id_type = '{{ left }}' and pairs.right_id_type = '{{ right }}'
        union all
        {%- endfor %}
        {%- endfor %}
        {%- endfor %}
        -- Two accounts that are alike (Splink's links): the row of each.
        select
            pairs.step,
            'crm' as source,
            rows_of.source_file,
            rows_of.source_line,
            rows_of.updated_at as seen_at
        from pairs
        inner join {{ explain_table('stg_crm__members') }} as rows_of
            on pairs.left_id_value = rows_of.member_id
        where pairs.left_id_type = 'member_id' and pairs.right_id_type = 'member_id'
        union all
        select
            pairs.step,
            'override' as source,
            'seeds/id_link_overrides.csv' as source_file,
            cast(null as bigint) as source_line,
            cast(null as timestamp) as seen_at
        from pairs
        inner join {{ explain_table('int_identity__overrides') }} as rows_of
            on
                pairs.left_id_type = rows_of.left_id_type
                and pairs.left_id_value = rows_of.left_id_value
                and pairs.right_id_type = rows_of.right_id_type
                and pairs.right_id_value = rows_of.right_id_value
        union all
        select
            pairs.step,
            'id_graph' as source,
            rows_of.source_file,
            rows_of.source_line,
            coalesce(rows_of.last_seen, rows_of.first_seen) as seen_at
        from pairs
        inner join {{ explain_table('stg_id_graph__links') }} as rows_of
            on
                pairs.left_id_type = rows_of.left_id_type
                and pairs.left_id_value = rows_of.left_id_value
                and pairs.right_id_type = rows_of.right_id_type
                and pairs.right_id_value = rows_of.right_id_value
        union all
        select
            pairs.step,
            'retail' as source,
            rows_of.source_file,
            rows_of.source_line,
            rows_of.invoiced_at as seen_at
        from pairs
        inner join {{ explain_table('stg_retail__transactions') }} as rows_of
            on pairs.left_id_value = rows_of.retail_customer_id
        where pairs.left_id_type = 'retail_customer_id' and not rows_of.is_withdrawn

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
