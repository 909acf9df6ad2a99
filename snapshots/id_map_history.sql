{% snapshot id_map_history %}

with id_map as (

    select
        node_id,
        one_id,
        one_int,
        id_type,
        id_value,
        source_channel,
        confidence,
        first_seen,
        last_seen,
        is_active,
        changed_at
    from {{ ref('int_identity__map') }}

),

{{ rows_to_snapshot('id_map') }}

select * from final

{% endsnapshot %}
