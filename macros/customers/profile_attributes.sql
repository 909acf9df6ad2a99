{#- The attributes of customer_profiles that seeds/survivorship.csv chooses: {attribute: type}. -#}
{% macro profile_attributes() -%}
    {{ return({
        'real_name': 'string',
        'first_name': 'string',
        'last_name': 'string',
        'gender': 'string',
        'birthday': 'date',
        'register_date': 'date',
        'register_channel': 'string',
        'level': 'string',
        'total_points': 'bigint',
        'country': 'string',
        'signup_date': 'date',
        'email': 'string',
    }) }}
{%- endmacro %}
