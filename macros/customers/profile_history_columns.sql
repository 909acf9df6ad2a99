{#-
    The columns of customer_profiles that its history keeps. To add one, write it here and into the
    YAML of customer_profiles_daily and customer_profiles_as_of. What changes with the date alone,
    such as days since the last purchase, is not kept: it follows from dt. A column whose name ends
    in _segment is a scheme of segment_changes and segment_daily.
-#}
{% macro profile_history_columns() -%}
    {%- set columns = [
        'member_id', 'union_id', 'retail_customer_id', 'customer_id', 'mobile_hash', 'email_hash',
        'open_id', 'device_id', 'identifier_count', 'real_name', 'gender', 'birthday',
        'register_date', 'register_channel', 'level', 'total_points', 'country', 'total_orders',
        'purchase_days', 'gross_revenue', 'returned_revenue', 'net_revenue', 'first_purchase_date',
        'last_purchase_date', 'page_views', 'last_event_at', 'first_channel', 'last_channel',
        'rfm_segment', 'grid_segment', 'recency_segment', 'frequency_segment', 'monetary_segment',
        'engagement_segment',
    ] -%}
    {%- set snapshot = graph.get('nodes', {}).values()
        | selectattr('name', 'equalto', 'customer_profiles_history')
        | list if execute else [] -%}
    {%- for column in columns if snapshot and column not in snapshot[0].config.check_cols -%}
        {{ exceptions.raise_compiler_error(
            "profile_history_columns names " ~ column ~ ": add it to check_cols in"
            ~ " snapshots/customer_profiles_history.yml, too, or its changes are missed") }}
    {%- endfor -%}
    {{ return(columns) }}
{%- endmacro %}
