{#- The windows of seeds/tags.csv, in days. -#}
{% macro tag_windows() -%}
    {%- set tags = ref('tags') -%}
    {%- set windows = [] -%}
    {%- if execute and load_relation(tags) -%}
        {%- set found = run_query(
            'select distinct cast(window_days as integer) as days from ' ~ tags
            ~ ' where window_days is not null order by days'
        ) -%}
        {%- do windows.extend(found.columns[0].values()) -%}
    {%- endif -%}
    {{- return(windows) -}}
{%- endmacro %}
