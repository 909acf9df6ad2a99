{#-
    The CTE `summed`: the sightings of the CTE `seen`, those of the sources in `added` with what was
    seen of the same sets before. A stored row of one number, but another value, is of another set.
-#}
{% macro with_earlier_sightings(seen, added) -%}
{%- set is_added = seen ~ ".source_name in ('" ~ added | join("', '") ~ "')" -%}
summed as (

    select
        {{ seen }}.* replace (
            case
                when
                    stored.id_value is null
                    or (
                        stored.source_name = {{ seen }}.source_name
                        and stored.id_value = {{ seen }}.id_value
                    )
                    then {{ seen }}.set_number
                else {{ stop_at_set_number(seen ~ '.set_number') }}
            end as set_number,
            case
                when {{ is_added }} then least({{ seen }}.first_seen, stored.first_seen)
                else {{ seen }}.first_seen
            end as first_seen,
            case
                when {{ is_added }} then greatest({{ seen }}.last_seen, stored.last_seen)
                else {{ seen }}.last_seen
            end as last_seen,
            case
                when {{ is_added }} then {{ seen }}.times_seen + coalesce(stored.times_seen, 0)
                else {{ seen }}.times_seen
            end as times_seen
        )
    from {{ seen }}
    left join {{ this }} as stored
        on
            {{ seen }}.set_number = stored.set_number
            and {{ seen }}.column_name = stored.column_name

),
{%- endmacro %}
