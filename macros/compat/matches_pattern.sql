{#- Whether a regular expression is found in a text, both SQL expressions; case does not matter. -#}
{% macro matches_pattern(text, pattern) -%}
    {{ return(adapter.dispatch('matches_pattern', 'onecdp')(text, pattern)) }}
{%- endmacro %}

{% macro default__matches_pattern(text, pattern) -%}
    regexp_matches({{ text }}, {{ pattern }}, 'i')
{%- endmacro %}

{#- Experimental: no test runs on Spark. -#}
{% macro spark__matches_pattern(text, pattern) -%}
    {{ text }} rlike concat('(?i)', {{ pattern }})
{%- endmacro %}

{#- The same, but null where the pattern is no regular expression. -#}
{% macro try_matches_pattern(text, pattern) -%}
    try({{ matches_pattern(text, pattern) }})
{%- endmacro %}
