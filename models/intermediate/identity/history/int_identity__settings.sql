-- The settings that the ID map was built with, for `onecdp identity report`. The last of the
-- identity models: with it come the SQL functions of explain, which read all of these.
-- depends_on: {{ ref('id_types') }}, {{ ref('int_identity__overrides') }}
-- depends_on: {{ ref('int_identity__nodes') }}, {{ ref('int_identity__links') }}
-- depends_on: {{ ref('int_identity__shared_values') }}, {{ ref('int_identity__edges') }}
-- depends_on: {{ ref('int_identity__clusters') }}, {{ ref('int_identity__one_ids') }}
-- depends_on: {{ ref('id_map') }}, {{ ref('id_link_rejections') }}, {{ ref('id_map_changes') }}
-- depends_on: {{ ref('stg_crm__members') }}, {{ ref('stg_app__events') }}
-- depends_on: {{ ref('stg_id_graph__links') }}, {{ ref('stg_retail__transactions') }}

{{ config(materialized='table', post_hook='{{ create_explain_macros() }}') }}

with final as (

    {%- for name in [
        'identity_min_confidence', 'identity_shared_value_hubs', 'identity_max_cluster_size'
    ] %}
    select
        '{{ name }}' as setting,
        '{{ var(name) }}' as value
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}

)

select * from final
