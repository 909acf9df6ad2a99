{#-
    on-run-start: creates the days of the history of profiles, which `note_profile_day` adds to, and
    those that the stored rows of int_customers__profile_changes include (`keep_profile_days`).
-#}
{% macro create_profile_days() -%}
create table if not exists audit.profile_days (as_of_date date primary key, noted_at timestamp);
create table if not exists audit.profile_days_read (
    dt date primary key, noted_at timestamp, former_noted_at timestamp
)
{%- endmacro %}
