{#-
    In place of dbt's current time: when versions begin and end, and days are noted. The same through
    a run, and later than in any run before, since readers take what is later than they saw.
-#}
{% macro duckdb__snapshot_get_time() -%}
(select moment from audit.run_moment)
{%- endmacro %}
