"""The numbers of customers, as bitmaps of their binary digits."""

from onecdp.audiences.tags import build_number_slices


def model(dbt, session):
    dbt.config(materialized="table")
    return build_number_slices(dbt.ref("int_audiences__customer_numbers"))
