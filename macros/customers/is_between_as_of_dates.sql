{#- Whether an event counts in one of the stored rows and this build, and not in the other. -#}
{% macro is_between_as_of_dates(since) -%}
    event_date > least({{ since.as_of_date.stamp }}, {{ as_of_date() }})
    and event_date <= greatest({{ since.as_of_date.stamp }}, {{ as_of_date() }})
{%- endmacro %}
