{#-
    on-run-end: notes that the versions in customer_profiles_history which are current now are those
    of this as-of date, in place of what an earlier build for it noted. A build with a failure notes
    nothing: the day stays what it was.
-#}
{% macro note_profile_day(results) -%}
{%- set built = [] -%}
{%- set bad = [] -%}
{%- for result in results -%}
    {%- do (built if result.status | string in ('success', 'pass', 'warn', 'no-op') else bad)
        .append(result.node.name) -%}
{%- endfor -%}
{%- if execute and flags.WHICH == 'build' and not flags.EMPTY and not bad
    and 'customer_profiles' in built and 'customer_profiles_history' in built -%}
insert or replace into audit.profile_days
select
    {{ as_of_date() }} as as_of_date,
    {{ snapshot_get_time() }} as noted_at,
    (
        select noted_at from audit.profile_days
        where as_of_date = {{ as_of_date() }}
    ) as replaced_at
{%- endif -%}
{%- endmacro %}
