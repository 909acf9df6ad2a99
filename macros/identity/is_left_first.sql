{#-
    Whether a link's ends already are in their fixed order: the type of higher priority on the
    left, then the smaller value. All arguments are SQL expressions.
-#}
{% macro is_left_first(left_priority, left_value, right_priority, right_value) -%}
    {{ left_priority }} < {{ right_priority }}
    or ({{ left_priority }} = {{ right_priority }} and {{ left_value }} < {{ right_value }})
{%- endmacro %}
