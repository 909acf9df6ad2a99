{#- Whether the customer did it: not what was sent to them. -#}
{% macro is_customer_act(event_type) -%}
    {{ event_type }} not in ('email_sent', 'email_delivered', 'email_bounce')
{%- endmacro %}
