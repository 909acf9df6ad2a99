{#-
    The keys that are not one row's own, or of a row that lacks what all rows have: a column of the
    key is null, the key comes twice, or a column of `not_null` is null. One test asks all of it,
    since a build pays more for each test than for what it asks.

    columns: the columns of the key
    not_null: other columns that are null in no row
-#}
{% test primary_key(model, columns, not_null=[]) %}
{%- set key = columns | join(', ') %}
select
    {{ key }},
    {%- for column in not_null %}
    count(*) - count({{ column }}) as {{ column }}_nulls,
    {%- endfor %}
    count(*) as row_count
from {{ model }}
group by {{ key }}
having
    count(*) > 1
    {%- for column in columns %}
    or {{ column }} is null
    {%- endfor %}
    {%- for column in not_null %}
    or count({{ column }}) < count(*)
    {%- endfor %}
{% endtest %}
