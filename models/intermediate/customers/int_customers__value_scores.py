"""What buyers are expected to do next; empty unless the var `customer_value`."""

import sys

from onecdp.value import no_scores, score_customers


def model(dbt, session):
    dbt.config(materialized="table")
    if not dbt.config.meta_get("is_on"):
        return no_scores()
    scores, problem = score_customers(dbt.ref("int_customers__value_features").to_arrow_table())
    if problem:
        print(f"onecdp: customer_value: {problem}", file=sys.stderr)
    return scores
