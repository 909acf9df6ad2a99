{#- The links of a person's identifiers that do not merge: refused, shared, too weak, withdrawn. -#}
{% macro explain_relations() -%}
    select
        links.link_status,
        links.constraint_name,
        links.reason,
        links.from_id_type,
        links.from_id_value,
        links.from_one_id,
        links.to_id_type,
        links.to_id_value,
        links.to_one_id,
        links.source_channel,
        links.method,
        links.confidence,
        links.first_seen,
        links.last_seen,
        links.times_seen
    from explain_node(a_type, a_value) as given
    inner join {{ explain_table('int_identity__unmerged_links') }} as links
        on given.cluster_id = links.from_cluster_id
    where
        links.link_status <> 'cannot_link'
        -- A link between two identifiers of the person is listed once.
        and (links.from_cluster_id <> links.to_cluster_id or links.is_forward)
    order by
        links.link_status = 'refused' desc, links.link_status, links.from_id_type,
        links.from_id_value, links.to_id_type, links.to_id_value, links.source_channel, links.method
{%- endmacro %}
