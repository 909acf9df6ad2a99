{#- Age of the newest value of a time column, in days, at the time of the run (UTC). -#}
{% test newest_age(model, column_name, at_most) %}
{{ config(**quality_config()) }}
with measured as (

    select
        {{ dbt.datediff('max(cast(' ~ column_name ~ ' as timestamp))', "cast('" ~ run_started_at.strftime('%Y-%m-%d %H:%M:%S') ~ "' as timestamp)", 'minute') }}
        / 1440.0 as value
    from {{ model }}

)

{{ quality_rule(at_most=at_most) }}
{% endtest %}
