-- Where each identifier was seen. Which columns of a staging model hold identifiers is declared in
-- its YAML (meta: id_type), which rows count and when in macros/identity/row_sources.sql. Rows of a
-- source with the same identifiers are one set, grouped first, so that everything downstream works
-- on distinct sets instead of every event.
-- Identifiers are checked against the blocklist only here.
-- Key: set_number and column_name. New: rows of an append-only source and links of the ID graph, by
-- load time, which are added to their sets; of another source with new rows, all sets. Only rows
-- that differ are written.
-- A rebuild gives the same rows, except for changed_at.

{%- set declared = identifier_columns() %}
{%- set key = ['set_number', 'column_name'] %}
{%- set since = keyed_increment(
    unique_key=key,
    stamps=dict(source_stamps(), stg_id_graph__links='loaded_at'),
    append_only=append_only_models(),
    contents=['id_blocklist', 'int_identity__blocked_values'],
    removed_keys=['node_id', 'set_number'],
) %}
{%- set facts = [
    'source_name', 'id_type', 'id_value', 'node_id', 'source_channel', 'first_seen', 'last_seen',
    'times_seen', 'is_active', 'is_blocked',
] %}
{#- Sources whose new rows are added to the stored sets, and those whose sets are all compared. #}
{%- set added = [] %}
{%- set recounted = [] %}
{%- for source_name, source in sources_with_identifiers().items() %}
{%- if since and source.is_append_only %}
{%- do added.append(source_name) %}
{%- elif not since or since[source.model].has_news %}
{%- do recounted.append(source_name) %}
{%- endif %}
{%- endfor %}

with

{%- for source_name in added + recounted %}

{{ sets_of_rows(
    source_name, since[row_sources()[source_name].model].stamp if source_name in added else none
) }}
{%- endfor %}

graph as (

    select
        *,
        {{ set_number('id_graph', ['link_id']) }} as set_number
    from {{ ref('stg_id_graph__links') }}
    {%- if since %}
    where loaded_at > {{ since.stg_id_graph__links.stamp }}
    {%- endif %}

),

seen as (

    {%- for source_name in added + recounted %}
    {%- for column, id_type in declared.get(row_sources()[source_name].model, {}).items() %}
    select
        '{{ source_name }}' as source_name,
        set_number,
        '{{ column }}' as column_name,
        '{{ id_type }}' as id_type,
        {{ column }} as id_value,
        source_channel,
        first_seen,
        last_seen,
        times_seen,
        is_active
    from {{ source_name }}_sets
    where {{ column }} is not null
    union all
    {%- endfor %}
    {%- endfor %}
    {%- for end in ['left', 'right'] %}
    select
        'id_graph' as source_name,
        set_number,
        '{{ end }}_id_value' as column_name,
        {{ end }}_id_type as id_type,
        {{ end }}_id_value as id_value,
        coalesce(source_channel, 'id_graph') as source_channel,
        first_seen,
        last_seen,
        1 as times_seen,
        coalesce(is_active, true) as is_active
    from graph
    where {{ end }}_id_value is not null
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}

),

blocked_values as (

    select * from {{ ref('int_identity__blocked_values') }}

),

checked as (

    select
        seen.*,
        {{ node_id('seen.id_type', 'seen.id_value') }} as node_id,
        blocked_values.id_value is not null
        or {{ matches_blocked_pattern('seen.id_type', 'seen.id_value') }} as is_blocked
    from seen
    left join blocked_values
        on
            seen.id_type = blocked_values.id_type
            and lower(seen.id_value) = blocked_values.id_value

),

{%- if added %}

{{ with_earlier_sightings('checked', added) }}
{%- endif %}

{%- set read_sets = ['true'] %}
{%- if since %}
{%- set of_recounted = "source_name in ('" ~ recounted | join("', '") ~ "')" %}
{%- set read_sets = [
    of_recounted,
    'not (' ~ of_recounted ~ ') and set_number in (select checked.set_number from checked)',
] %}
{%- endif %}

{{ differences('summed' if added else 'checked', key, facts, read_sets) }}

select * from final
