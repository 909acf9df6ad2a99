{#-
    The config of a data quality test: its one row is stored, `broken` decides, and it is asked each
    run wherever it stands.
-#}
{% macro quality_config() -%}
    {{ return({
        'tags': ['data_quality'],
        'meta': {'checked': 'daily'},
        'store_failures': true,
        'schema': 'quality',
        'fail_calc': 'coalesce(sum(broken), 0)',
    }) }}
{%- endmacro %}
