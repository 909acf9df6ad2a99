{#-
    on-run-end: creates the functions of explain as soon as every table and view that they read is
    there. DuckDB looks these up when a function is created, so a part of the project that was
    built alone creates none.
-#}
{% macro create_explain_functions() -%}
    {%- set missing = [] -%}
    {%- for name in [
        'id_types', 'int_identity__one_ids', 'int_identity__nodes', 'int_identity__map',
        'int_identity__links',
        'int_identity__edges', 'int_identity__clusters', 'int_identity__explained_identifiers',
        'int_identity__unmerged_links', 'int_identity__link_sources', 'id_map_changes',
    ] -%}
        {%- set relation = ref(name) -%}
        {%- if execute and load_relation(relation) is none -%}
            {%- do missing.append(name) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if execute and flags.WHICH in ('run', 'build') and not missing -%}
        {{ create_table_functions(explain_functions()) }}
    {%- endif -%}
{%- endmacro %}
