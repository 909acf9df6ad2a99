{#-
    The columns of a seed that one of an earlier version lacks: null where it does.

    types  {column: type}
-#}
{% macro later_columns(seed, types) -%}
    {%- set relation = ref(seed) -%}
    {%- set present = [] -%}
    {%- if execute and model.resource_type != 'unit_test' and load_relation(relation) -%}
        {%- do present.extend(adapter.get_columns_in_relation(relation) | map(attribute='name')) -%}
    {%- endif -%}
    {%- for column, type in types.items() %}
        cast({{ column if column in present or not present else 'null' }} as {{ type }}) as {{ column }}
        {{- ',' if not loop.last }}
    {%- endfor %}
{%- endmacro %}
