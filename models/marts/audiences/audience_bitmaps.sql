-- depends_on: {{ ref('int_audiences__tags') }}
-- Key: segment_tag. New: tags whose bytes differ from the stored ones; equal members give equal
-- bytes, and the rows of tags that are gone are deleted. A rebuild gives the same rows.

{{
    config(
        materialized='incremental',
        unique_key='segment_tag',
        incremental_strategy='merge',
        on_schema_change='append_new_columns',
        meta={'columns_added': {'tag_family': 'string'}, 'compared': true},
        pre_hook='{{ add_columns() }}',
        post_hook="{{ delete_absent_rows(
            'segment_tag', ['int_audiences__tags', 'int_audiences__package_tags']) }}",
    )
}}

with tag_bitmaps as (

    select * from {{ ref('int_audiences__bitmaps') }}

),

package_tags as (

    select * from {{ ref('int_audiences__package_tags') }}

),

bitmaps as (

    select
        segment_tag,
        tag_family,
        user_bitmap,
        user_count
    from tag_bitmaps
    union all
    select
        segment_tag,
        tag_family,
        user_bitmap,
        user_count
    from package_tags

),

final as (

    select
        bitmaps.segment_tag,
        bitmaps.tag_family,
        bitmaps.user_bitmap,
        bitmaps.user_count
    from bitmaps
    {%- if is_incremental() %}
    left join {{ this }} as stored on bitmaps.segment_tag = stored.segment_tag
    where
        stored.user_bitmap is distinct from bitmaps.user_bitmap
        or stored.user_count is distinct from bitmaps.user_count
        or stored.tag_family is distinct from bitmaps.tag_family
    {%- endif %}

)

select * from final
