{#-
    The normalised identifier, as in onecdp/identity/normalise.py, which gives the reasons: without
    white space and spreadsheet armour around it, "17850.0" as the integer, hashes in lower case, null
    if empty.

    The landing has brought values to NFKC. In values that did not come that way (seeds, arguments of
    the explain functions) only the full-width forms are replaced.

    id_type and id_value are SQL expressions; a quoted literal works for id_type.
-#}
{% macro normalize_identifier(id_type, id_value) -%}
    {#- White space, controls, zero-width and directional marks, the byte order mark. -#}
    {%- set blanks = '\\x{0000}-\\x{0020}\\x{007f}-\\x{00a0}\\x{00ad}\\x{1680}\\x{180e}\\x{2000}-\\x{200f}'
        ~ '\\x{2028}-\\x{202f}\\x{205f}-\\x{2064}\\x{2066}-\\x{2069}\\x{3000}\\x{feff}' -%}
    {%- set before = '[' ~ blanks ~ "']*" -%}
    {#- Quotes are removed from the end only after armour: some values end in one. -#}
    {%- set whole_value = '(?s)^(?:' ~ before ~ '(?:="+' ~ before ~ ')+(.*?)[' ~ blanks ~ '"]*'
        ~ '|' ~ before ~ '(.*?)[' ~ blanks ~ ']*)\\z' -%}
    {%- set half_width -%}
        case when {{ is_ascii(id_value) }} then {{ id_value }} else {{ to_half_width(id_value) }} end
    {%- endset -%}
    {%- set trimmed = replace_pattern(half_width, whole_value, '\\1\\2') -%}
    {%- set spelled = replace_pattern(trimmed, '^(-?[0-9]+)\\.0+\\z', '\\1') -%}
    {%- set is_hash = id_type ~ " in ('mobile_hash', 'email_hash')" -%}
    case
        {#- Nearly all values; regular expressions would cost several times as much. #}
        when
            {{ is_ascii(id_value) }}
            and {{ id_value }} between '(' and '~'
            and {{ id_value }} not like '=%'
            and {{ id_value }} not like '%.0%'
            and right({{ id_value }}, 1) between '!' and '~'
            then case when {{ is_hash }} then lower({{ id_value }}) else {{ id_value }} end
        when {{ is_hash }} then nullif(lower({{ spelled }}), '')
        else nullif({{ spelled }}, '')
    end
{%- endmacro %}
