{#- Post-hook: deletes the rows of this model whose key is in none of the upstream models any more. -#}
{% macro delete_absent_rows(key, upstreams) -%}
    {%- if execute %}
    delete from {{ this }}
    where {{ key }} not in (
        {%- for upstream in upstreams %}
        select {{ key }} from {{ ref(upstream) }}
        {{- ' union all' if not loop.last }}
        {%- endfor %}
    )
    {%- endif %}
{%- endmacro %}
