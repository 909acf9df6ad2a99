{#-
    A score from 1 (lowest) to 5 (highest) by rank of `value` over all rows.

    var rfm_ties = equal: equal values get equal scores, that of the lowest of them, so the
    commonest frequency (one order) scores 1 however common it is. first: ranks are forced apart
    by `tie_break`, and the five groups have equal size.
-#}
{% macro quintile(value, tie_break) -%}
    {%- if var('rfm_ties') == 'equal' -%}
        cast(floor(5 * (rank() over (order by {{ value }}) - 1) / count(*) over ()) as integer) + 1
    {%- elif var('rfm_ties') == 'first' -%}
        cast(ntile(5) over (order by {{ value }}, {{ tie_break }}) as integer)
    {%- else -%}
        {{ exceptions.raise_compiler_error(
            "var rfm_ties is '" ~ var('rfm_ties') ~ "'; it takes 'equal' or 'first'") }}
    {%- endif -%}
{%- endmacro %}
