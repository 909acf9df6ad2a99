"""One Roaring bitmap of one_int per tag."""

from onecdp.audiences.bitmaps import build_bitmaps


def model(dbt, session):
    dbt.config(materialized="table")
    memberships = dbt.ref("int_audiences__memberships").select("segment_tag, one_int")
    declared = dbt.ref("int_audiences__declared_tags").fetchall()
    return build_bitmaps(memberships.to_arrow_table(), declared=[tag for (tag,) in declared])
