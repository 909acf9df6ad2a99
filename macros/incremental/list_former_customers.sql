{#-
    Post-hook of int_events__resolved: lists the customers who lost an event as removed rows, since
    the event tells only whose it is now.
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
