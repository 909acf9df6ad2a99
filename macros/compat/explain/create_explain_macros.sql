{#-
    The SQL functions of `onecdp explain`, docs/identity.md: table macros in the private file, for
    `onecdp sql --private`, models, and any DuckDB client. The command line calls the same ones.

    Post-hook of int_identity__settings, the last of the identity models: so they stand wherever
    their tables do, and a full refresh makes them anew. Other engines have no table macros.
-#}
{% macro create_explain_macros() -%}
    {{ return(adapter.dispatch('create_explain_macros', 'onecdp')()) }}
{%- endmacro %}

{% macro default__create_explain_macros() -%}
{%- endmacro %}

{% macro duckdb__create_explain_macros() -%}
    {#- Each may call those before it. -#}
    {%- set macros = {
        'explain_node(a_type, a_value)': explain_node(),
        'explain_near(a_type, a_value)': explain_near(),
        'explain_identifier(a_type, a_value)': explain_identifier(),
        'explain_changes(a_type, a_value)': explain_changes(),
        'explain_path(a_type, a_value, b_type, b_value)': explain_path(),
        'explain_relations(a_type, a_value)': explain_relations(),
        'explain_apart(a_type, a_value, b_type, b_value)': explain_apart(),
        'explain_sources(a_type, a_value, b_type, b_value)': explain_sources(),
    } -%}
    {%- for signature, query in macros.items() %}
create or replace macro {{ signature }} as table (
{{ query }}
);
    {%- endfor %}
{%- endmacro %}

{#-
    A table without its database's name: the file may be attached under another.
-#}
{% macro explain_table(name) -%}
    {{ ref(name).include(database=false) }}
{%- endmacro %}
