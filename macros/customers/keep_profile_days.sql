{#-
    Post-hook of int_customers__profile_changes, in the transaction of its rows: remembers the days
    that they include, and the moments of these.
-#}
{% macro keep_profile_days() -%}
delete from audit.profile_days_read;
insert into audit.profile_days_read
select
    dt,
    noted_at,
    former_noted_at
from {{ ref('int_customers__profile_days') }}
{%- endmacro %}
