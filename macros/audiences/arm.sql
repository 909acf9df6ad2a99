{#-
    The arm of a member: `hold_out` for the given share of customers, else `treatment`.

    It depends on nothing but the key, the audience and the one_id. So it stays from build to build,
    is independent between audiences, and after a merge is that of the one_id that stays. A larger
    share keeps those who are held out and adds others.
-#}
{% macro arm(package_id, one_id, hold_out_share) -%}
    {%- set drawn = hash_63_bits(
        text_literal(var('audience_hold_out_key')) ~ " || '|' || " ~ package_id ~ " || '|' || " ~ one_id
    ) -%}
    case
        when {{ hold_out_share }} > 0
            and {{ drawn }} / cast(9223372036854775808 as double) < {{ hold_out_share }} then 'hold_out'
        else 'treatment'
    end
{%- endmacro %}
