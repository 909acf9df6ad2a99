{#-
    How far the stored rows of an incremental model include each of its upstream tables: {upstream:
    {stamp, has_news}}. Rows with a stamp later than the SQL literal `stamp` are new; `has_news` says
    whether there are any. Empty where the stored rows don't say so, and the model must compare
    everything. docs/incremental.md has the rules.

    `keyed_increment` declares the upstream tables. Literals, not subqueries, so that DuckDB skips row groups without later rows.
-#}
{% macro watermarks() -%}
    {%- set found = {} -%}
    {%- set kept = {} -%}
    {#- Other commands may meet a warehouse that has no table of watermarks yet. #}
    {%- if flags.WHICH in ('run', 'build') and execute and model.resource_type != 'unit_test'
        and is_incremental() -%}
        {%- for row in run_query(
            "select upstream, cast(stamp as string), row_count, fingerprint from audit.watermarks"
            ~ " where model = '" ~ this.identifier ~ "'"
        ) -%}
            {%- do kept.update({row[0]: row}) -%}
        {%- endfor -%}
        {%- set declared = config.get('meta').watermarks -%}
        {%- if declared.stamps | reject('in', kept) | list | length == 0 -%}
            {%- set queries = [] -%}
            {%- for upstream, column in declared.stamps.items() -%}
                {%- do queries.append(upstream_state(upstream, column, kept[upstream])) -%}
            {%- endfor -%}
            {%- set states = run_query(queries | join(' union all ')) -%}
            {%- set fingerprint = run_query(model_fingerprint()).columns[0].values()[0] -%}
            {%- for state in states
                if state[1] and fingerprint == kept[state[0]][3] -%}
                {%- set stamp = "timestamp '" ~ kept[state[0]][1] ~ "'" -%}
                {%- do found.update({state[0]: {'stamp': stamp, 'has_news': state[2]}}) -%}
            {%- endfor -%}
            {%- if 'as_of_date' in kept -%}
                {%- set stamp = "timestamp '" ~ kept.as_of_date[1] ~ "'" -%}
                {%- do found.update({'as_of_date': {'stamp': stamp}}) -%}
            {%- endif -%}
        {%- endif -%}
    {%- endif -%}
    {{- return(found if found | length == kept | length else {}) -}}
{%- endmacro %}
