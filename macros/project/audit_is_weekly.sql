{#- Whether `onecdp run` asks a test only in its weekly audit: see data_tests in dbt_project.yml. -#}
{% macro audit_is_weekly(test) -%}
    {{- return(test.config.meta.get('checked') == 'weekly') -}}
{%- endmacro %}
