{#-
    Whether a pattern of seeds/id_blocklist.csv, for this type or for all, is found in the value.

    id_type and id_value are SQL expressions; a quoted literal works for id_type.
-#}
{% macro matches_blocked_pattern(id_type, id_value) -%}
    (
        false
        {%- for pattern_type, pattern in blocked_patterns().items() %}
        or {% if pattern_type != '*' %}{{ id_type }} = '{{ pattern_type }}' and {% endif -%}
        {{ matches_pattern(id_value, text_literal(pattern)) }}
        {%- endfor %}
    )
{%- endmacro %}
