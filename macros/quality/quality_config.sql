{#- The config of a data quality test: its one row is stored, and `broken` decides. -#}
{% macro quality_config() -%}
    {{ return({
        'tags': ['data_quality'],
        'store_failures': true,
        'schema': 'quality',
        'fail_calc': 'coalesce(sum(broken), 0)',
    }) }}
{%- endmacro %}
