"""How sure each linked node is: the weakest link on its best path to its cluster's root."""

import pyarrow as pa

from onecdp.identity.confidences import widest_path_confidences


def model(dbt, session):
    dbt.config(
        materialized="incremental",
        unique_key="node_id",
        incremental_strategy="delete+insert",
    )
    edges = dbt.ref("int_identity__kept_edges")
    if dbt.is_incremental:
        last = f"select coalesce(max(resolved_to), timestamp '0001-01-01') from {dbt.this}"
        edges = edges.filter(f"resolved_to > ({last})")
    edges = edges.to_arrow_table()
    roots = dbt.ref("int_identity__claims").select("root_node_id").to_arrow_table()
    confidences = widest_path_confidences(edges, roots)
    # What the next run takes as done: up to the last resolution that these edges saw.
    resolved_to = pa.compute.max(edges["resolved_to"])
    return confidences.append_column("resolved_to", pa.repeat(resolved_to, len(confidences)))
