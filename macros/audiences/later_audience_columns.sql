{#- The same of seeds/audiences.csv. -#}
{% macro later_audience_columns() -%}
    {{ later_columns('audiences', {'purpose': 'string', 'hold_out_share': 'double'}) }}
{%- endmacro %}
