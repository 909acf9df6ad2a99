{#-
    The end of a data quality test: the measured value beside its bounds, always one row. A CTE
    `measured` with one column `value` comes before it. A null value, where there is nothing to
    measure, breaks no rule.

    at_least, at_most: inclusive bounds; none is no bound
-#}
{% macro quality_rule(at_least=none, at_most=none) -%}
    select
        cast(value as double) as value,
        cast({{ at_least if at_least is not none else 'null' }} as double) as at_least,
        cast({{ at_most if at_most is not none else 'null' }} as double) as at_most,
        cast(
            case
                {%- if at_least is not none %}
                when value < {{ at_least }} then 1
                {%- endif %}
                {%- if at_most is not none %}
                when value > {{ at_most }} then 1
                {%- endif %}
                else 0
            end as integer
        ) as broken
    from measured
{%- endmacro %}
