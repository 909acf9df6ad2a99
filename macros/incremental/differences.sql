{#-
    The last CTEs of an incremental model: rows of the CTE `present` that differ from the stored ones,
    and stored rows that are not in it any more, with their last facts and is_present = false, which
    `keep_watermarks` then deletes. Without stored rows: all rows. With `--empty`, where no row is
    read upstream: none.

    keys       columns of the unique key
    facts      the other columns
    recounted  conditions on a stored row, of which at most one is true: whether `present` has the
               row if it still stands; by default `present` has all rows
    touched    instead of conditions: the name of a CTE with distinct values of some key columns,
               [name, columns], for which `present` has all rows
-#}
{% macro differences(present, keys, facts, recounted=['true'], touched=none) -%}
stored as (

    {%- if has_stored_rows() and not flags.EMPTY %}
    {%- if touched %}
    select earlier.* from {{ this }} as earlier
    inner join {{ touched[0] }}
        on
            {%- for column in touched[1] %}
            {{ 'and ' if not loop.first }}earlier.{{ column }} = {{ touched[0] }}.{{ column }}
            {%- endfor %}
    {%- else %}
    {%- for condition in recounted %}
    select * from {{ this }}
    where {{ condition }}
    {{- ' union all' if not loop.last }}
    {%- endfor %}
    {%- endif %}
    {%- else %}
    select
        {{ (keys + facts) | join(', ') }},
        true as is_present,
        cast(null as timestamp) as changed_at
    from {{ present }}
    where false
    {%- endif %}

),

final as (

    select
        {%- for key in keys %}
        coalesce({{ present }}.{{ key }}, stored.{{ key }}) as {{ key }},
        {%- endfor %}
        {%- for fact in facts %}
        case
            when {{ present }}.{{ keys[0] }} is not null then {{ present }}.{{ fact }}
            else stored.{{ fact }}
        end as {{ fact }},
        {%- endfor %}
        {{ present }}.{{ keys[0] }} is not null as is_present,
        {{ change_stamp() }} as changed_at
    from {{ present }}
    full outer join stored
        on
            {%- for key in keys %}
            {{ 'and ' if not loop.first }}{{ present }}.{{ key }} = stored.{{ key }}
            {%- endfor %}
    where
        ({{ present }}.{{ keys[0] }} is not null) is distinct from coalesce(stored.is_present, false)
        -- Of an earlier version of the model.
        or stored.changed_at is null
        {%- for fact in facts %}
        or (
            {{ present }}.{{ keys[0] }} is not null
            and stored.{{ fact }} is distinct from {{ present }}.{{ fact }}
        )
        {%- endfor %}

)
{%- endmacro %}
