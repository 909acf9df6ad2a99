{#-
    The last CTE of a snapshot: the rows of the CTE `present` that are new or differ from their
    stored version. dbt reads and hashes all rows that it is given for each kind of change, so it is given these alone.

    They are compared by the snapshot's own `check_cols`. One that the stored table has not yet starts
    a version of every row, as in dbt.
-#}
{% macro rows_to_snapshot(present) -%}
final as (

    select {{ present }}.*
    from {{ present }}
    {%- set relation = load_relation(this) if execute else none %}
    {%- if relation is not none %}
    {%- set stored_columns = adapter.get_columns_in_relation(relation) | map(attribute='name') | list %}
    left join {{ this }} as stored
        on
            {{ present }}.{{ config.get('unique_key') }} = stored.{{ config.get('unique_key') }}
            and stored.dbt_valid_to is null
    where
        stored.{{ config.get('unique_key') }} is null
        {%- for column in config.get('check_cols') %}
        or {{ 'stored.' ~ column ~ ' is distinct from ' ~ present ~ '.' ~ column
            if column in stored_columns else 'true' }}
        {%- endfor %}
    {%- endif %}

)
{%- endmacro %}
