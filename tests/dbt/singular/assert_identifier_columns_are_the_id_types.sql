-- The macro that names the identifier columns and the seed that ranks them say the same.

with columns_of_macro as (

    {% for id in identifier_columns() %}
    select
        '{{ id }}' as id_type,
        {{ loop.index }} as priority_rank
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

id_types as (

    select
        id_type,
        row_number() over (order by priority) as priority_rank
    from {{ ref('id_types') }}

)

select
    columns_of_macro.id_type as column_name,
    id_types.id_type
from columns_of_macro
full outer join id_types
    on
        columns_of_macro.id_type = id_types.id_type
        and columns_of_macro.priority_rank = id_types.priority_rank
where columns_of_macro.id_type is null or id_types.id_type is null
