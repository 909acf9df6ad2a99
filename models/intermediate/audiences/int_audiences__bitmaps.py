"""One Roaring bitmap of one_int per tag."""

from onecdp.audiences.tags import build_tags


def model(dbt, session):
    dbt.config(materialized="table")
    return build_tags(
        tags=dbt.ref("int_audiences__tags"),
        behaviour_tags=dbt.ref("int_audiences__behaviour_tags"),
        memberships=[
            dbt.ref("int_audiences__customer_tags"),
            dbt.ref("int_audiences__tag_members"),
        ],
        measures=dbt.ref("int_audiences__measures"),
    )
