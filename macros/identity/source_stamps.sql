{#- The staging models of the sources whose rows show identifiers, with the column of their stamp. -#}
{% macro source_stamps() -%}
    {%- set stamps = {} -%}
    {%- for source in row_sources().values() -%}
        {%- do stamps.update({source.model: 'loaded_at'}) -%}
    {%- endfor -%}
    {{- return(stamps) -}}
{%- endmacro %}
