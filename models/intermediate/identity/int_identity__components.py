"""Connected components of the merging links: one row per node that has one."""

from onecdp.identity.components import connected_components


def model(dbt, session):
    dbt.config(materialized="table")
    return connected_components(dbt.ref("int_identity__edges").to_arrow_table())
