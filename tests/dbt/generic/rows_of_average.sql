{#-
    Rows of the newest load, as a multiple of the average of the loads before it. `model` is a
    source's table `loads`; a load is what one run of `onecdp ingest` read from the source.

    loads: how many loads the average has at the most
    min_loads: measure nothing before there are so many earlier loads
-#}
{% test rows_of_average(model, at_least=none, at_most=none, loads=7, min_loads=3) %}
{{ config(**quality_config()) }}
with loads as (

    select
        sum(rows_read) as row_count,
        row_number() over (order by max(loaded_at) desc) as recency
    from {{ model }}
    -- Not what --withdraw-missing did with a file without loading it.
    where rows_read > 0 or rows_withdrawn = 0
    group by _dlt_load_id

),

measured as (

    select
        case
            when count(case when recency > 1 then 1 end) >= {{ min_loads }}
                then
                    max(case when recency = 1 then row_count end)
                    / nullif(avg(case when recency > 1 then row_count end), 0)
        end as value
    from loads
    where recency <= {{ loads + 1 }}

)

{{ quality_rule(at_least, at_most) }}
{% endtest %}
