{#-
    on-run-start: creates the days of the history of profiles, which `note_profile_day` adds to, and
    those that the stored rows of int_customers__profile_changes include (`keep_profile_days`); and
    sets the moment of this run, which is later than that of any run before, whatever the clock says.
-#}
{% macro create_profile_days() -%}
create table if not exists audit.profile_days (as_of_date date primary key, noted_at timestamp);
{#- Of the build for the same date before, for one that is found wrong after its end. #}
alter table audit.profile_days add column if not exists replaced_at timestamp;
create table if not exists audit.profile_days_read (
    dt date primary key, noted_at timestamp, former_noted_at timestamp
);
create table if not exists audit.run_moment (only_row boolean primary key, moment timestamp);
insert or replace into audit.run_moment
select
    true as only_row,
    greatest(
        cast({{ dbt.current_timestamp() }} as timestamp),
        (select max(moment) + interval '1' microsecond from audit.run_moment),
        (select max(noted_at) + interval '1' microsecond from audit.profile_days)
    ) as moment
{%- endmacro %}
