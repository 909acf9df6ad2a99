"""How many customers any two tags and audiences share."""

import pyarrow as pa

from onecdp.audiences.overlap import overlaps


def model(dbt, session):
    dbt.config(materialized="table")
    parts = [dbt.ref("int_audiences__bitmaps"), dbt.ref("int_audiences__package_tags")]
    columns = "segment_tag, user_bitmap"
    return overlaps(pa.concat_tables(part.select(columns).to_arrow_table() for part in parts))
