"""The customers that each rule of seeds/audiences.csv selects, as a bitmap, or why it can't."""

from onecdp.audiences.packages import evaluate_audiences


def model(dbt, session):
    dbt.config(materialized="table")
    return evaluate_audiences(
        dbt.ref("int_audiences__audiences").to_arrow_table(),
        dbt.ref("int_audiences__bitmaps").to_arrow_table(),
        dbt.ref("int_audiences__number_slices").to_arrow_table(),
    )
