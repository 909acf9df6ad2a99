{#- The columns of seeds/tags.csv that a seed of an earlier version lacks: null where it does. -#}
{% macro later_tag_columns() -%}
    {{ later_columns('tags', {
        'channel': 'string', 'item_id': 'string', 'then_event_type': 'string',
        'within_days': 'integer',
    }) }}
{%- endmacro %}
