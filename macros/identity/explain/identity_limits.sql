{#- The limits that the ID map was built with, for `onecdp identity report`. -#}
{% macro identity_limits() -%}
    select cast({{ var('identity_max_cluster_size') }} as bigint) as max_cluster_size
{%- endmacro %}
