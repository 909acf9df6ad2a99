{#- What a row of a source says of the attribute in survivorship.attribute, as text. -#}
{% macro attribute_value(source_name) -%}
    case survivorship.attribute
        {%- for attribute, expression in attribute_sources()[source_name].items() %}
        when '{{ attribute }}' then {{ expression }}
        {%- endfor %}
    end
{%- endmacro %}
