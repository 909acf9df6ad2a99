"""How sure each linked node is: the weakest link on its best path to its cluster's root."""

from onecdp.identity.components import widest_path_confidences


def model(dbt, session):
    dbt.config(materialized="table")
    roots = dbt.ref("int_identity__clusters").select("root_node_id")
    return widest_path_confidences(
        dbt.ref("int_identity__edges").to_arrow_table(), roots.to_arrow_table()
    )
