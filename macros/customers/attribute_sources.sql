{#-
    What each source of seeds/survivorship.csv says of a customer: {source: {attribute: an SQL
    expression of text}}. int_customers__attribute_candidates has the rows it is evaluated on: members,
    customers of the shop, a customer's countries in invoices, and addresses of the ID map.
-#}
{% macro attribute_sources() -%}
    {{ return({
        'crm': {
            'real_name': 'real_name',
            'gender': 'gender',
            'birthday': 'cast(birthday as string)',
            'register_date': 'cast(register_date as string)',
            'register_channel': 'register_channel',
            'level': 'level',
            'total_points': 'cast(total_points as string)',
            'signup_date': 'cast(register_date as string)',
            'email': 'email_hash',
        },
        'shop': {
            'real_name': "nullif(trim(coalesce(first_name, '') || ' ' || coalesce(last_name, '')), '')",
            'first_name': 'first_name',
            'last_name': 'last_name',
            'country': 'country',
            'signup_date': 'cast(cast(signed_up_at as date) as string)',
            'email': 'email_hash',
        },
        'retail': {'country': 'country'},
        'id_map': {'email': 'id_value'},
    }) }}
{%- endmacro %}
