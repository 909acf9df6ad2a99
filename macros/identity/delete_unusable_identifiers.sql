{#-
    Post-hook of int_identity__map: deletes inactive identifiers that the blocklist matches now, and
    those of removed types, and lists their customers as removed rows.
-#}
{% macro delete_unusable_identifiers() -%}
    {%- if not flags.EMPTY -%}
    {%- set unusable -%}
        not is_active
        and (
            id_type not in (select id_type from {{ ref('id_types') }})
            or (id_type, lower(id_value)) in (
                select (id_type, id_value) from {{ ref('int_identity__blocked_values') }}
            )
            or {{ matches_blocked_pattern('id_type', 'id_value') }}
        )
    {%- endset -%}
    insert into audit.removed_rows (model, key, removed_at)
    select distinct
        '{{ this.identifier }}',
        one_int,
        {{ change_stamp() }}
    from {{ this }}
    where
        {{ unusable }};
    delete from {{ this }}
    where
        {{ unusable }}
    {%- endif -%}
{%- endmacro %}
