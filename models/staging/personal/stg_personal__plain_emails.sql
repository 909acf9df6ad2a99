-- Plain addresses by their hash, of the sources whose setting `store_plain_pii` keeps them; no row
-- where none does. Ephemeral, since a table of plain values appears with the first load after the
-- setting, when `onecdp run` leaves views as they are.

{{ config(materialized='ephemeral') }}
{%- set kept = plain_identifier_tables() %}

with source as (

    {%- for relation in kept %}
    select
        id_type,
        id_value,
        plain_value
    from {{ relation }}
    {{- ' union all' if not loop.last }}
    {%- else %}
    select
        cast(null as string) as id_type,
        cast(null as string) as id_value,
        cast(null as string) as plain_value
    where false
    {%- endfor %}

),

final as (

    select
        {{ normalize_identifier("'email_hash'", 'id_value') }} as email_hash,
        min(plain_value) as email
    from source
    where id_type = 'email_hash'
    group by 1

)

select * from final
