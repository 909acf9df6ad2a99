{#- The columns of seeds/tags.csv that a seed of an earlier version lacks: null where it does. -#}
{% macro later_tag_columns() -%}
    {%- set tags = ref('tags') -%}
    {%- set types = {
        'channel': 'string', 'item_id': 'string', 'then_event_type': 'string',
        'within_days': 'integer',
    } -%}
    {%- set present = [] -%}
    {%- if execute and model.resource_type != 'unit_test' and load_relation(tags) -%}
        {%- do present.extend(adapter.get_columns_in_relation(tags) | map(attribute='name')) -%}
    {%- endif -%}
    {%- for column, type in types.items() %}
        cast({{ column if column in present or not present else 'null' }} as {{ type }}) as {{ column }}
        {{- ',' if not loop.last }}
    {%- endfor %}
{%- endmacro %}
