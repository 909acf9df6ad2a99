{#- on-run-start: the days of the history of profiles, which `note_profile_day` adds to. -#}
{% macro create_profile_days() -%}
create table if not exists audit.profile_days (as_of_date date primary key, noted_at timestamp)
{%- endmacro %}
