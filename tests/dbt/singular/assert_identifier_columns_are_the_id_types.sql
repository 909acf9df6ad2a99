-- Every id_type that a staging model's YAML declares is a type of seeds/id_types.csv.

{{ config(meta={'checked': 'weekly'}) }}

{%- set declared = identifier_columns() %}

with columns_declared as (

    {%- for model_name, columns in declared.items() %}
    {%- for column, id_type in columns.items() %}
    select
        '{{ model_name }}' as model_name,
        '{{ column }}' as column_name,
        '{{ id_type }}' as id_type
    union all
    {%- endfor %}
    {%- endfor %}
    select
        null as model_name,
        null as column_name,
        null as id_type
    where false

)

select columns_declared.*
from columns_declared
left join {{ ref('id_types') }} as id_types on columns_declared.id_type = id_types.id_type
where id_types.id_type is null
