"""Clusters: connected components, divided where a constraint would be broken.

Key: node_id. New: components with an edge changed since resolved_through_at, or all of them if
settings_fingerprint changed. A rebuild gives the same clusters; resolved_through_at differs.
To add a constraint, see CONTRIBUTING.md.
"""

from onecdp.identity.resolution.resolve import resolve
from onecdp.identity.resolution.settings import Limit, Settings


def model(dbt, session):
    dbt.config(
        materialized="incremental",
        unique_key="node_id",
        incremental_strategy="merge",
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
    return resolve(session, dbt.ref("int_identity__edges"), settings, stored)
