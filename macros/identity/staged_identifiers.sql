{#-
    Select items for the identifiers that a staging model's YAML declares, normalised.

    renamed: {column of the model: column of the source}, where the two differ.
-#}
{% macro staged_identifiers(model_name, renamed={}) -%}
    {%- for column, id_type in identifier_columns().get(model_name, {}).items() %}
        {{ normalize_identifier("'" ~ id_type ~ "'", renamed.get(column, column)) }} as {{ column }},
    {%- endfor -%}
{%- endmacro %}
