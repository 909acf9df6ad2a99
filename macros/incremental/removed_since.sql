{#- A query for the keys of rows that an upstream table lost after a watermark: key, second_key. -#}
{% macro removed_since(upstream, since) -%}
    select key, second_key from audit.removed_rows
    where model = '{{ upstream }}' and removed_at > {{ since[upstream].stamp }}
{%- endmacro %}
