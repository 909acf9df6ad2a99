{#-
    Share of rows, 0 to 1, whose value is in a range; nulls don't count. min_value, max_value:
    inclusive SQL literals.
-#}
{% test share_in_range(model, column_name, min_value=none, max_value=none, at_least=1) %}
{{ config(**quality_config()) }}
with measured as (

    select
        avg(
            case
                {%- if min_value is not none %}
                when {{ column_name }} < {{ min_value }} then 0.0
                {%- endif %}
                {%- if max_value is not none %}
                when {{ column_name }} > {{ max_value }} then 0.0
                {%- endif %}
                else 1.0
            end
        ) as value
    from {{ model }}
    where {{ column_name }} is not null

)

{{ quality_rule(at_least=at_least) }}
{% endtest %}
