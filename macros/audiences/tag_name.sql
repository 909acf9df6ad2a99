{#- A tag's name from a value: `channel` and "Mini App" give channel_mini_app; letters of any script stay. -#}
{% macro tag_name(prefix, value) -%}
    '{{ prefix }}_' || {{ replace_pattern(
        replace_pattern("replace(lower(trim(" ~ value ~ ")), '''', '')", '[\\s"()/&,.]+', '_'), '_+$', '') }}
{%- endmacro %}
