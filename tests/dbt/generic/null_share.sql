{#- Share of rows, 0 to 1, in which the column is null. Nothing is measured in an empty table. -#}
{% test null_share(model, column_name, at_most) %}
{{ config(**quality_config()) }}
with measured as (

    select avg(case when {{ column_name }} is null then 1.0 else 0.0 end) as value
    from {{ model }}

)

{{ quality_rule(at_most=at_most) }}
{% endtest %}
