{#-
    The keys that are not one row's own: a column of the key is null, or the key comes twice.

    columns: the columns of the key
-#}
{% test primary_key(model, columns) %}
{%- set key = columns | join(', ') %}
select
    {{ key }},
    count(*) as row_count
from {{ model }}
group by {{ key }}
having
    count(*) > 1
    {%- for column in columns %}
    or {{ column }} is null
    {%- endfor %}
{% endtest %}
