{#-
    The columns of customer_profiles whose values are tags: {family: column}. A family's name is the
    prefix of its tags, since families use the same words ("At Risk" is a segment, a grid cell and a
    recency band). RFM segments of the threshold rules keep their plain names.
-#}
{% macro tag_families() -%}
    {{ return({
        'rfm_segment': 'rfm_segment',
        'grid': 'grid_segment',
        'recency': 'recency_segment',
        'frequency': 'frequency_segment',
        'monetary': 'monetary_segment',
        'engagement': 'engagement_segment',
        'country': 'country',
        'level': 'level',
    }) }}
{%- endmacro %}
