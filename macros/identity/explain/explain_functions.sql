{#-
    The SQL functions of `onecdp explain` (docs/identity.md): table functions in the private file,
    for `onecdp sql --private`, models and any DuckDB client. The joins behind them are the views in
    models/intermediate/identity/explain/; here are the parameters and the recursive searches.

    {signature: query}. Each may call those before it.
-#}
{% macro explain_functions() -%}
    {{ return({
        'explain_node(a_type, a_value)': explain_node(),
        'explain_near(a_type, a_value)': explain_near(),
        'explain_identifier(a_type, a_value)': explain_identifier(),
        'explain_changes(a_type, a_value)': explain_changes(),
        'explain_path(a_type, a_value, b_type, b_value)': explain_path(),
        'explain_relations(a_type, a_value)': explain_relations(),
        'explain_apart(a_type, a_value, b_type, b_value)': explain_apart(),
        'explain_sources(a_type, a_value, b_type, b_value)': explain_sources(),
        'identity_limits()': identity_limits(),
    }) }}
{%- endmacro %}
