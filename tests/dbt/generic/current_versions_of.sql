{#-
    Rows whose current version in a snapshot isn't what `of` has, by the snapshot's check_cols, and
    versions without an end of rows that `of` has not any more.

    of: the relation that the snapshot keeps versions of
-#}
{% test current_versions_of(model, of) %}
{%- set snapshots = graph.nodes.values() | selectattr('resource_type', 'equalto', 'snapshot')
    | selectattr('name', 'equalto', model.identifier) | list if execute else [] -%}
{%- set kept = snapshots[0].config if snapshots else {'unique_key': '1', 'check_cols': []} -%}
{%- set key = kept.unique_key -%}
with versions as (

    select * from {{ model }}
    where dbt_valid_to is null

),

present as (

    select * from {{ of }}

)

select
    present.{{ key }} as present_key,
    versions.{{ key }} as kept_key
from present
full outer join versions on present.{{ key }} = versions.{{ key }}
where
    present.{{ key }} is null
    or versions.{{ key }} is null
    {%- for column in kept.check_cols %}
    or present.{{ column }} is distinct from versions.{{ column }}
    {%- endfor %}
{% endtest %}
