"""Confidence of each linked node: the weakest link on its best path to its cluster's root.

Key: node_id. New: the nodes of clusters resolved since the last run, or all of them if
settings_fingerprint changed. A rebuild gives the same values, except for rows of nodes that no
kept edge has any more; int_identity__map reads those only as roots, which are 1.0.
"""

import pyarrow as pa

from onecdp.identity.resolution.confidences import widest_path_confidences


def model(dbt, session):
    dbt.config(
        materialized="incremental",
        unique_key="node_id",
        incremental_strategy="merge",
    )
    edges = dbt.ref("int_identity__edge_outcomes").filter("is_kept")
    # Stored with the rows: the last resolution that they include, and its settings.
    newest = dbt.ref("int_identity__clusters").aggregate(
        "max(resolved_through_at) as resolved_through_at,"
        " max(settings_fingerprint) as settings_fingerprint"
    )
    done = newest.to_arrow_table()
    alone = None
    if dbt.is_incremental:
        stored = session.table(str(dbt.this))
        known = stored.aggregate("max(resolved_through_at), max(settings_fingerprint)").fetchone()
        if known[1] == done["settings_fingerprint"][0].as_py():
            since = known[0] and known[0].isoformat(sep=" ")
            edges = edges.filter(f"resolved_through_at > timestamp '{since or '0001-01-01'}'")
        else:
            # Changed settings can re-divide components without changed edges; nodes without links
            # are roots (1.0).
            alone = stored.project("node_id")
    edges = edges.to_arrow_table()
    roots = dbt.ref("int_identity__cluster_one_ids").select("root_node_id").to_arrow_table()
    confidences = widest_path_confidences(edges, roots)
    if alone is not None:
        linked = confidences["node_id"]
        nodes = alone.to_arrow_table()["node_id"]
        nodes = nodes.filter(pa.compute.invert(pa.compute.is_in(nodes, linked)))
        ones = pa.table({"node_id": nodes, "confidence": pa.repeat(1.0, len(nodes))})
        confidences = pa.concat_tables([confidences, ones])
    for column in done.column_names:
        value = pa.repeat(done[column][0], len(confidences))
        confidences = confidences.append_column(column, value)
    return confidences
