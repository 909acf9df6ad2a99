{#-
    Post-hook of `keyed_increment`: remembers how far the rows of the model now include each upstream
    table, and lists and deletes the rows that are not present any more. It is part of the
    transaction that writes the rows.

    It remembers nothing where a table in which the model looked up rows was left out of the build,
    and leaves all as it is where `--empty` wrote none.
-#}
{% macro keep_watermarks() -%}
    {%- if execute and not (flags.EMPTY and is_incremental()) %}
    {%- set declared = config.get('meta').watermarks %}
    {%- if declared.removed_keys %}
    insert into audit.removed_rows (model, key, second_key, removed_at)
    select distinct
        '{{ this.identifier }}', {{ declared.removed_keys[0] }},
        {{ declared.removed_keys[1] or 'null' }}, changed_at
    from {{ this }}
    where not is_present;
    delete from {{ this }} where not is_present;
    {%- endif %}
    delete from audit.watermarks where model = '{{ this.identifier }}';
    insert into audit.watermarks (model, upstream, stamp, row_count, fingerprint)
    with included as (
        {%- for upstream, column in declared.stamps.items() %}
        select
            '{{ upstream }}' as upstream,
            coalesce({{ latest_stamp(upstream, column) }}, timestamp '0001-01-01') as stamp,
            count(*) as row_count
        from {{ ref(upstream) }}
        {{- ' union all' if not loop.last or declared.follows_as_of_date }}
        {%- endfor %}
        {%- if declared.follows_as_of_date %}
        select 'as_of_date', {{ as_of_date() }}, 0
        {%- endif %}
    )
    select
        '{{ this.identifier }}',
        included.*,
        ({{ model_fingerprint() }})
    from included
    where {{ includes_upstream(declared.looks_up) }}
    {%- endif %}
{%- endmacro %}
