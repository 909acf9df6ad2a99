{#- The schemes of segments in the history: its columns that end in _segment, without the ending. -#}
{% macro segment_schemes() -%}
    {%- set schemes = [] -%}
    {%- for column in profile_history_columns() if column.endswith('_segment') -%}
        {%- do schemes.append(column[:-8]) -%}
    {%- endfor -%}
    {{ return(schemes) }}
{%- endmacro %}
