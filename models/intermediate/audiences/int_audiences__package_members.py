"""The customers in every package of seeds/audiences.csv."""

from onecdp.audiences.packages import evaluate_audiences


def model(dbt, session):
    dbt.config(materialized="table")
    audiences = dbt.ref("int_audiences__audiences").to_arrow_table()
    return evaluate_audiences(audiences, dbt.ref("int_audiences__bitmaps").to_arrow_table())
