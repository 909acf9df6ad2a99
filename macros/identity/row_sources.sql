{#-
    The sources whose rows show identifiers: {source: how to read a row of its staging model}.
    Every value but `model` and `source` is an SQL expression over that model:

    model       the staging model; its YAML declares which columns hold identifiers
    source      the source, where the name on the left is another: a source has an entry per table
                with identifiers, and events have the name of theirs as `source_name`
    rows        which rows count
    channel     the channel that the row came from
    first_seen  from when the row shows its identifiers; a member's, from the registration on
    last_seen   until when
    seen_at     the time that `onecdp explain` gives the row
    is_active   false where the source has withdrawn the row: its links are inactive, and its
                identifiers stay known
    is_append_only
                whether a loaded row stays as it is: then sets are added up from new rows. Where a
                row was replaced all the same, all are counted again

    The links of the ID graph have two typed ends instead, and are read beside these.
-#}
{% macro row_sources() -%}
    {{ return({
        'crm': {
            'model': 'stg_crm__members',
            'rows': 'true',
            'channel': "'crm'",
            'first_seen': 'coalesce(cast(register_date as timestamp), updated_at)',
            'last_seen': 'coalesce(updated_at, cast(register_date as timestamp))',
            'seen_at': 'updated_at',
            'is_active': 'not is_deleted',
            'is_append_only': false,
        },
        'app': {
            'model': 'stg_app__events',
            'rows': 'true',
            'channel': "coalesce(channel, 'app')",
            'first_seen': 'event_time',
            'last_seen': 'event_time',
            'seen_at': 'event_time',
            'is_active': 'true',
            'is_append_only': true,
        },
        'retail': {
            'model': 'stg_retail__transactions',
            'rows': 'not is_withdrawn',
            'channel': "'online_retail'",
            'first_seen': 'invoiced_at',
            'last_seen': 'invoiced_at',
            'seen_at': 'invoiced_at',
            'is_active': 'true',
            'is_append_only': false,
        },
        'shop_customers': {
            'model': 'stg_shop__customers',
            'source': 'shop',
            'rows': 'true',
            'channel': "'shop'",
            'first_seen': 'coalesce(signed_up_at, updated_at)',
            'last_seen': 'coalesce(updated_at, signed_up_at)',
            'seen_at': 'updated_at',
            'is_active': 'not is_deleted',
            'is_append_only': false,
        },
        'shop': {
            'model': 'stg_shop__transactions',
            'rows': 'not is_deleted',
            'channel': "'shop'",
            'first_seen': 'transacted_at',
            'last_seen': 'transacted_at',
            'seen_at': 'transacted_at',
            'is_active': 'true',
            'is_append_only': false,
        },
        'web': {
            'model': 'stg_web__events',
            'rows': 'true',
            'channel': "'web'",
            'first_seen': 'event_time',
            'last_seen': 'event_time',
            'seen_at': 'event_time',
            'is_active': 'true',
            'is_append_only': true,
        },
        'email': {
            'model': 'stg_email__events',
            'rows': 'true',
            'channel': "'email'",
            'first_seen': 'event_time',
            'last_seen': 'event_time',
            'seen_at': 'event_time',
            'is_active': 'true',
            'is_append_only': true,
        },
        'support': {
            'model': 'stg_support__tickets',
            'rows': 'true',
            'channel': "'support'",
            'first_seen': 'coalesce(created_at, updated_at)',
            'last_seen': 'coalesce(updated_at, created_at)',
            'seen_at': 'updated_at',
            'is_active': 'not is_deleted',
            'is_append_only': false,
        },
    }) }}
{%- endmacro %}
