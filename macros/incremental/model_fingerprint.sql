{#-
    An SQL expression for a hash of what the rows of this model depend on besides the stamped rows
    of its upstream tables: its SQL, the macros and the variables of dbt and of the environment in
    it, the views between it and the tables, the content of small tables
    (`meta.watermarks.contents`), such as seeds, and the fingerprints of its upstream tables. By
    another rule a row upstream may keep its unique key and change the columns by which this model
    finds it: it would look under the new values only.
-#}
{% macro model_fingerprint() -%}
    {#- By name: dbt's own list has only those that were called until now. The post-hook and
        this macro change no rows, and name the as-of date, of which few models depend. #}
    {%- set texts = [model.raw_code] -%}
    {%- set seen = ['keep_watermarks', 'model_fingerprint'] -%}
    {%- set pending = [model.raw_code] -%}
    {%- for _ in range(1000) if pending -%}
        {%- for found in modules.re.findall("dispatch\\(['\"](\\w+)|\\b(\\w+)\\(", pending.pop()) -%}
            {%- set called = found | join -%}
            {%- for name in [called, 'default__' ~ called, 'duckdb__' ~ called] if name not in seen -%}
                {%- do seen.append(name) -%}
                {%- set definition = context.get(name).macro if context.get(name) -%}
                {%- if definition and definition.package_name == project_name -%}
                    {%- do texts.append(definition.macro_sql) -%}
                    {%- do pending.append(definition.macro_sql) -%}
                {%- endif -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- for name in modules.re.findall("\\bvar\\(['\"](\\w+)", texts | sort | join(' '))
        if name != 'as_of_date' -%}
        {%- do texts.append(name ~ '=' ~ var(name, '')) -%}
    {%- endfor -%}
    {%- for name in modules.re.findall("\\benv_var\\(['\"](\\w+)", texts | sort | join(' '))
        if name != 'ONECDP_AS_OF' -%}
        {%- do texts.append(name ~ '=' ~ env_var(name, '')) -%}
    {%- endfor -%}
    {%- if 'as_of_date' in seen and not config.get('meta').watermarks.follows_as_of_date -%}
        {%- do texts.append(as_of_date()) -%}
    {%- endif -%}
    {%- set views = upstream_views() -%}
    {%- set declared = config.get('meta').watermarks -%}
    {%- set read = declared.stamps | list + declared.looks_up -%}
    select md5(
        '{{ local_md5(texts | sort | join('\n')) }}'
        {%- if views %}
        || (
            {#- DuckDB writes `decimal(18, 4)` in the session that made the view, later without space. #}
            select string_agg(
                replace(views.sql, ', ', ','), ' '
                order by views.schema_name, views.view_name
            )
            from duckdb_views() as views
            where (views.schema_name || '.' || views.view_name) in ('{{ views | join("', '") }}')
        )
        {%- endif %}
        || (
            select coalesce(string_agg(distinct fingerprint, ' ' order by fingerprint), '')
            from audit.watermarks
            where model in ('{{ read | join("', '") }}')
        )
        {%- for name in config.get('meta').watermarks.contents %}
        || (select coalesce(cast(sum(hash(held)) as string), '') from {{ ref(name) }} as held)
        {%- endfor %}
    )
{%- endmacro %}
