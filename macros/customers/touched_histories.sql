{#-
    A query for the customers whose history to derive again, as one_id: those with a version that
    began or ended since; and where a day came, went, or has another moment, those with one that did
    so after the earliest of these moments, since two moments show a customer alike unless a version
    began or ended between them. For int_customers__profile_changes.
-#}
{% macro touched_histories(since) -%}
    {%- set changed_at = 'coalesce(dbt_valid_to, dbt_valid_from)' -%}
    {%- set moments = ['noted_at', 'former_noted_at'] -%}
    select distinct one_id from {{ ref('customer_profiles_history') }}
    where
        {{ changed_at }} > {{ since.customer_profiles_history.stamp }}
        or {{ changed_at }} > (
            select
                min(least(
                    {%- for moment in moments %}
                    case
                        when days.{{ moment }} is distinct from included.{{ moment }}
                            then least(days.{{ moment }}, included.{{ moment }})
                    end
                    {{- ',' if not loop.last }}
                    {%- endfor %}
                ))
            from {{ ref('int_customers__profile_days') }} as days
            full outer join audit.profile_days_read as included on days.dt = included.dt
        )
{%- endmacro %}
