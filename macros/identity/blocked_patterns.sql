{#-
    The patterns of seeds/id_blocklist.csv, read from the warehouse: one regular expression
    per id_type ('*' = all) that finds what any of the type's patterns does.

    They are read while a model is compiled, not joined: an engine compiles a pattern that it knows
    beforehand once, one that comes out of a table for every row (5 million rows: 0.3 s against 50).
    Empty before the seed is loaded. A unit test can't mock it by a row; it overrides this macro.
-#}
{% macro blocked_patterns() -%}
    {%- set patterns = {} -%}
    {%- if execute -%}
        {%- set seed = graph.nodes['seed.onecdp.id_blocklist'] -%}
        {%- set relation = adapter.get_relation(seed.database, seed.schema, seed.alias) -%}
        {%- if relation is not none -%}
            {%- set rows = run_query(
                "select id_type, id_value from " ~ relation
                ~ " where match = 'pattern' order by id_type, id_value"
            ).rows -%}
            {%- for row in rows -%}
                {%- set others = [patterns[row[0]]] if row[0] in patterns else [] -%}
                {%- do patterns.update({row[0]: (others + ['(?:' ~ row[1] ~ ')']) | join('|')}) -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endif -%}
    {{ return(patterns) }}
{%- endmacro %}
