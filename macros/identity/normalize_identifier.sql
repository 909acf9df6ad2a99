{#-
    One spelling per identifier, by type: hashes lower-cased, spreadsheet floats ("17850.0")
    read as the number they were, everything trimmed, empty values null.

    id_type and id_value are SQL expressions; a quoted literal works for id_type.
-#}
{% macro normalize_identifier(id_type, id_value) -%}
    nullif(
        case
            when {{ id_type }} in ('mobile_hash', 'email_hash') then lower(trim({{ id_value }}))
            when {{ id_type }} = 'retail_customer_id'
                then {{ replace_pattern('trim(' ~ id_value ~ ')', '^([0-9]+)\\.0+$', '\\1') }}
            else trim({{ id_value }})
        end,
        ''
    )
{%- endmacro %}
