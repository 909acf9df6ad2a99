{#-
    The CTEs `<source>` and `<source>_sets`: the rows of a source and the sets of rows with the same
    identifiers; `after`: only of rows loaded after this literal.
-#}
{% macro sets_of_rows(source_name, after) -%}
{%- set source = row_sources()[source_name] -%}
{%- set columns = identifier_columns().get(source.model, {}) | list -%}
{%- set number = set_number(
    source_name, ['source_channel', 'cast(is_active as string)'] + columns
) -%}
{{ source_name }} as (

    select
        *,
        {{ source.channel }} as source_channel,
        {{ source.first_seen }} as first_seen,
        {{ source.last_seen }} as last_seen,
        {{ source.is_active }} as is_active
    from {{ ref(source.model) }}
    where {{ source.rows }} {{ 'and loaded_at > ' ~ after if after }}

),

{{ source_name }}_sets as (

    select
        {{ columns | join(', ') }},
        source_channel,
        is_active,
        min(first_seen) as first_seen,
        max(last_seen) as last_seen,
        count(*) as times_seen,
        case
            when count(*) over (partition by {{ number }}) = 1 then {{ number }}
            else {{ stop_at_set_number(number) }}
        end as set_number
    from {{ source_name }}
    group by {{ columns | join(', ') }}, source_channel, is_active

),
{%- endmacro %}
