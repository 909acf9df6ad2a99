{#- Whether the customer did it, and not what was sent to them or done for them. -#}
{% macro is_customer_act(event_type) -%}
    {{ event_type }} not in ('email_sent', 'email_delivered', 'email_bounce', 'ticket_solved')
{%- endmacro %}
