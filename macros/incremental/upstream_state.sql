{#-
    A query for one row: the upstream table, whether its rows up to the watermark still stand, and
    whether it has later ones. They don't stand if none is left, since a rebuild doesn't tell what it
    removed, or if one of an append-only table was replaced or deleted, which its row count tells.

    kept: the watermark's row, with the stamp and the row count at second and third place.
-#}
{% macro upstream_state(upstream, column, kept) -%}
    {%- set stamp = "timestamp '" ~ kept[1] ~ "'" -%}
    select
        '{{ upstream }}' as upstream,
        coalesce(
            min({{ column }}) <= {{ stamp }} and {{ latest_stamp(upstream, column) }} >= {{ stamp }},
            {{ kept[2] }} = 0
        )
        {%- if upstream in config.get('meta').watermarks.append_only %}
        and count(*) filter (where {{ column }} > {{ stamp }}) = count(*) - {{ kept[2] }}
        {%- endif %} as stands,
        coalesce({{ latest_stamp(upstream, column) }} > {{ stamp }}, false) as has_news
    from {{ ref(upstream) }}
{%- endmacro %}
