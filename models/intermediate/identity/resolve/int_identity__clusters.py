"""Clusters: connected components, divided where a constraint would be broken.

Key: node_id. New: components with an edge changed since resolved_through_at, or all of them if
settings_fingerprint changed. A rebuild gives the same clusters; resolved_through_at and changed_at
differ.
To add a constraint, see CONTRIBUTING.md.
"""

import pyarrow as pa

from onecdp.identity.resolution.resolve import resolve
from onecdp.identity.resolution.settings import Limit, Settings
from onecdp.warehouse.stamps import change_stamp


def model(dbt, session):
    dbt.config(
        materialized="incremental",
        unique_key="node_id",
        incremental_strategy="merge",
        # Tables of earlier versions have no changed_at.
        on_schema_change="append_new_columns",
    )
    limits = dbt.ref("id_types").filter("max_values is not null")
    cannot_links = dbt.ref("int_identity__overrides").filter("override = 'cannot_link'")
    settings = Settings(
        limits=tuple(
            Limit(*row) for row in limits.select("priority, max_values, window_days").fetchall()
        ),
        cannot_links=tuple(cannot_links.select("left_node_id, right_node_id").fetchall()),
        max_cluster_size=int(dbt.config.meta_get("max_cluster_size")),
    )
    stored = session.table(str(dbt.this)) if dbt.is_incremental else None
    resolved = resolve(session, dbt.ref("int_identity__edges"), settings, stored)
    changed_at = pa.scalar(change_stamp(session, dbt.this), pa.timestamp("us"))
    return resolved.append_column("changed_at", pa.repeat(changed_at, len(resolved)))
