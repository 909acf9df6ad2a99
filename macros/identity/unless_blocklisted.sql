{#-
    The identifier, or null where seeds/id_blocklist.csv names its value for this type or for all:
    the value itself, its SHA-256, or by a pattern.

    id_type is the name of a type, id_value an SQL expression. Case does not matter: "NULL", "null"
    and "Null" are the same junk.
-#}
{% macro unless_blocklisted(id_type, id_value) -%}
    case
        when
            lower({{ id_value }}) in (
                select blocked.id_value
                from {{ ref('int_identity__blocked_values') }} as blocked
                where blocked.id_type = '{{ id_type }}'
            )
            or {{ matches_blocked_pattern("'" ~ id_type ~ "'", id_value) }}
            then null
        else {{ id_value }}
    end
{%- endmacro %}
