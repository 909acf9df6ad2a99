{#- Whether this run adds to stored rows. A unit test that gives no `this` has none. -#}
{% macro has_stored_rows() -%}
    {{- return(this is not none and is_incremental()) -}}
{%- endmacro %}
