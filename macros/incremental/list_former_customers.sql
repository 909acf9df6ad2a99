{#-
    Post-hook: lists the customers who lost an event or an identifier as removed rows, since the row
    tells only whose it is now. Their number is `former_customer`.
-#}
{% macro list_former_customers() -%}
    insert into audit.removed_rows (model, key, removed_at)
    select distinct
        '{{ this.identifier }}',
        former_customer,
        changed_at
    from {{ this }}
    where former_customer is not null;
    update {{ this }} set former_customer = null where former_customer is not null;
{%- endmacro %}
