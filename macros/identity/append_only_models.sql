{#- The staging models of `row_sources` whose rows stay as they were loaded. -#}
{% macro append_only_models() -%}
    {{- return(
        row_sources().values() | selectattr('is_append_only') | map(attribute='model') | list
    ) -}}
{%- endmacro %}
