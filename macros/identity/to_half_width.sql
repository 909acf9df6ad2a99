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
