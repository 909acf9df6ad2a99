{#-
    A query for the customers to recount, as one_id: those with a changed event, who lost one, or who
    have one between the as-of dates of the stored rows and of this build. For models of
    `keyed_increment` with int_events__resolved as upstream table, follows_as_of_date and a column
    one_id.
-#}
{% macro touched_customers(since) -%}
    select one_id from {{ ref('int_events__resolved') }}
    where changed_at > {{ since.int_events__resolved.stamp }} and one_id is not null
    union
    select one_id from {{ this }}
    where {{ hash_63_bits('one_id') }} in (
        select key from ({{ removed_since('int_events__resolved', since) }})
    )
    union
    select one_id from {{ ref('int_events__resolved') }}
    where {{ is_between_as_of_dates(since) }} and one_id is not null
{%- endmacro %}
