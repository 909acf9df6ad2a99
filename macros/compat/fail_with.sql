{#-
    Ends the query with an error that says the text, an SQL expression. As the branch of a `case`:
    it is evaluated for the rows that come there, and only where a `where` makes the engine look.
-#}
{% macro fail_with(text) -%}
    {{ return(adapter.dispatch('fail_with', 'onecdp')(text)) }}
{%- endmacro %}

{% macro default__fail_with(text) -%}
    cast(error({{ text }}) as boolean)
{%- endmacro %}

{% macro spark__fail_with(text) -%}
    cast(raise_error({{ text }}) as boolean)
{%- endmacro %}
