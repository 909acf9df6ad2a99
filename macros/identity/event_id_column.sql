{#-
    The name of the column that says whose an event is: of the identifiers that a row of the staging
    model has and the blocklist does not match, the one with the lowest priority number. Null where
    it has none. Types without a priority come last, in the order of the YAML.

    alias: of the staging model in the query, which needs a CTE blocked_identifiers, too.
-#}
{% macro event_id_column(model_name, alias) -%}
    {%- set priorities = id_type_priorities() -%}
    {%- set ranked = [] -%}
    {%- for column, id_type in identifier_columns().get(model_name, {}).items() -%}
        {%- do ranked.append([priorities.get(id_type, 1000000), loop.index, column, id_type]) -%}
    {%- endfor -%}
    case
        {%- for _, _, column, id_type in ranked | sort %}
        when
            {{ alias }}.{{ column }} is not null
            and {{ alias }}.{{ column }} not in (
                select blocked.id_value
                from blocked_identifiers as blocked
                where blocked.id_type = '{{ id_type }}'
            )
            then '{{ column }}'
        {%- endfor %}
    end
{%- endmacro %}
