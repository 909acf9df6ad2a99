{#-
    The identifier, or null where seeds/id_blocklist.csv lists its value for this type or for all.

    Values are compared without case: "NULL", "null" and "Null" are the same junk.
-#}
{% macro unless_blocklisted(id_type, id_value) -%}
    case
        when lower({{ id_value }}) not in (
            select lower(blocklist.id_value)
            from {{ ref('id_blocklist') }} as blocklist
            where blocklist.id_type in ('{{ id_type }}', '*')
        ) then {{ id_value }}
    end
{%- endmacro %}
