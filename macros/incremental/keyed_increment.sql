{#-
    Configures a model as incremental by watermarks and returns how far its stored rows include its
    upstream tables, see `watermarks`; docs/incremental.md has the rules.

    unique_key   the key of the rows
    stamps       {upstream: the column with the time of a row's last change}
    contents     small upstream tables, such as seeds: if one differs, everything is compared
    append_only  those of `stamps` whose rows are never replaced or deleted; where one is all the
                 same, everything is compared
    looks_up     further incremental tables that the model reads, for the rows that the stamped ones name.
                 Where one was left out of a build, the next build compares everything
    removed_keys one or two bigint columns by which readers find what a removed row concerns; without
                 them the model removes none
    columns      {column: type} that the table of an earlier version of the model may lack
    follows_as_of_date  whether the model itself finds what another as-of date changes: the date of
                 the stored rows is then the stamp `as_of_date`
-#}
{% macro keyed_increment(
    unique_key, stamps, contents=[], append_only=[], looks_up=[], removed_keys=[], columns={},
    follows_as_of_date=false
) -%}
    {%- if removed_keys -%}
        {%- set columns = dict({'is_present': 'boolean default true', 'changed_at': 'timestamp'}, **columns) -%}
    {%- endif -%}
    {{- config(
        materialized='incremental',
        unique_key=unique_key,
        incremental_strategy='merge',
        meta={
            'watermarks': {
                'stamps': stamps,
                'contents': contents,
                'append_only': append_only,
                'looks_up': looks_up,
                'removed_keys': removed_keys,
                'follows_as_of_date': follows_as_of_date,
            },
            'columns_added': columns,
        },
        pre_hook='{{ add_columns() }}',
        post_hook='{{ keep_watermarks() }}',
    ) -}}
    {%- for name in stamps.keys() | list + contents if model.resource_type != 'unit_test' -%}
        {%- do ref(name) -%}
    {%- endfor -%}
    {{- return(watermarks()) -}}
{%- endmacro %}
