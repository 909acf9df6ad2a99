{#- Stops the build, because two sets of identifiers have this number. -#}
{% macro stop_at_set_number(number) -%}
    {{ stop_with(
        "'two sets of identifiers have one number, ' || cast(" ~ number ~ " as string)"
        ~ " || ': change the text that macros/identity/set_number.sql hashes, and run with'"
        ~ " || ' --full-refresh'"
    ) }}
{%- endmacro %}
