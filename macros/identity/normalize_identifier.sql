{#-
    One spelling per identifier, as onecdp/identity/normalise.py has it and tells the reasons: without
    blanks and spreadsheet armour around it, "17850.0" read as the number it was, hashes lower-cased,
    empty values null.

    The landing has brought values to NFKC. Of what never passed there (seeds, questions to explain)
    the full-width forms are read here.

    id_type and id_value are SQL expressions; a quoted literal works for id_type.
-#}
{% macro normalize_identifier(id_type, id_value) -%}
    {%- set spelled = trim_identifier(id_value) -%}
    nullif(
        case
            when {{ id_type }} in ('mobile_hash', 'email_hash') then lower({{ spelled }})
            else {{ spelled }}
        end,
        ''
    )
{%- endmacro %}

{#- The rules that are the same for all types. -#}
{% macro trim_identifier(value) -%}
    {#- White space, controls, zero-width and directional marks, the byte order mark. -#}
    {%- set blanks = '\\x{0000}-\\x{0020}\\x{007f}-\\x{00a0}\\x{00ad}\\x{1680}\\x{180e}\\x{2000}-\\x{200f}'
        ~ '\\x{2028}-\\x{202f}\\x{205f}-\\x{2064}\\x{2066}-\\x{2069}\\x{3000}\\x{feff}' -%}
    {%- set before = '[' ~ blanks ~ "']*" -%}
    {#- Quotes go from the end only where armour stands before: some values end in one. -#}
    {%- set whole_value = '(?s)^(?:' ~ before ~ '(?:="+' ~ before ~ ')+(.*?)[' ~ blanks ~ '"]*'
        ~ '|' ~ before ~ '(.*?)[' ~ blanks ~ ']*)\\z' -%}
    {%- set half_width -%}
        case when {{ is_ascii(value) }} then {{ value }} else {{ to_half_width(value) }} end
    {%- endset -%}
    {#- Most values start with a letter and hold no blank: nothing can be removed from them. -#}
    {%- set trimmed -%}
        case
            when {{ is_ascii(value) }} and {{ matches_pattern(value, text_literal('^[0-9a-z][!-~]*\\z')) }}
                then {{ value }}
            else {{ replace_pattern(half_width, whole_value, '\\1\\2') }}
        end
    {%- endset -%}
    {{ replace_pattern(trimmed, '^(-?[0-9]+)\\.0+\\z', '\\1') }}
{%- endmacro %}

{#- Full-width letters, digits and signs as the plain ones. -#}
{% macro to_half_width(text) -%}
    {%- set signs = '!"#$%&\'()*+,-./' -%}
    translate(
        {{ text }},
        {{ text_literal(
            '！＂＃＄％＆＇（）＊＋，－．／０１２３４５６７８９：；＜＝＞？＠ＡＢＣＤＥＦＧＨＩＪＫＬＭＮＯＰＱＲＳＴＵＶＷＸＹＺ'
            ~ '［＼］＾＿｀ａｂｃｄｅｆｇｈｉｊｋｌｍｎｏｐｑｒｓｔｕｖｗｘｙｚ｛｜｝～　'
        ) }},
        {{ text_literal(
            signs ~ '0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ'
            ~ '[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~ '
        ) }}
    )
{%- endmacro %}
