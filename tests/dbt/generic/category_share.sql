{#- Share of rows, 0 to 1, in which the column has the given value; nulls count as other values. -#}
{% test category_share(model, column_name, category, at_least=none, at_most=none) %}
{{ config(**quality_config()) }}
with measured as (

    select
        avg(
            case when {{ column_name }} = {{ dbt.string_literal(dbt.escape_single_quotes(category)) }} then 1.0 else 0.0 end
        ) as value
    from {{ model }}

)

{{ quality_rule(at_least, at_most) }}
{% endtest %}
