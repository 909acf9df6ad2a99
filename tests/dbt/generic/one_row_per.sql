{#-
    How many keys don't have exactly one row: keys that come twice, and keys of `of` that are missing.

    columns: the key, such as [one_id, as_of_date]
    of: a relation with the same columns that has every key; without it only repeated keys count
-#}
{% test one_row_per(model, columns, of=none) %}
{{ config(**quality_config()) }}
{%- set key = columns | join(', ') %}
with keys as (

    select
        {{ key }},
        count(*) as row_count
    from {{ model }}
    group by {{ key }}

),

measured as (

    select
        (select count(*) from keys where row_count > 1)
        {%- if of is not none %}
        + (
            select count(*)
            from (
                select {{ key }} from {{ of }}
                except
                select {{ key }} from keys
            ) as missing
        )
        {%- endif %} as value

)

{{ quality_rule(at_most=0) }}
{% endtest %}
