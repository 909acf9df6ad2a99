"""Scores of all buyers, as of now and as of the start of a hold-out period.

scipy and scikit-learn (the optional extra `value`) are imported only when needed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from onecdp.value.bg_nbd import Histories, fit_bg_nbd
from onecdp.value.gamma_gamma import fit_gamma_gamma
from onecdp.value.likelihood import Floats
from onecdp.value.propensity import FEWEST, Known, fitted_probabilities

PERIOD = 90
"""Days of the next purchases, of the hold-out period and of a period of training."""
YEAR = 365
FEWEST_BUYERS = 100
"""Buyers, and a quarter as many who bought again, that BG/NBD is fitted to, at least."""

SCORES = pa.schema(
    [
        ("one_id", pa.string()),
        ("seen_on", pa.date32()),
        ("probability_alive", pa.float64()),
        ("expected_purchases", pa.float64()),
        ("expected_spend", pa.float64()),
        ("expected_purchases_in_a_year", pa.float64()),
        ("bg_nbd_probability", pa.float64()),
        ("purchase_probability", pa.float64()),
        ("recency_probability", pa.float64()),
        ("repeat_probability", pa.float64()),
        ("next_purchase_days", pa.int64()),
        ("next_revenue", pa.decimal128(18, 4)),
    ]
)


def no_scores() -> pa.Table:
    """Returns a table without rows, in the columns of `SCORES`."""
    return SCORES.empty_table()


def missing_extra() -> str | None:
    """Returns why scores can't be computed in this environment, or None."""
    try:
        import scipy  # noqa: F401
        import sklearn  # noqa: F401
    except ImportError as error:
        return f'{error.name} is not installed: pip install "onecdp[value]"'
    return None


def score_customers(features: pa.Table) -> tuple[pa.Table, str | None]:
    """Scores buyers.

    Deterministic, and independent of the order of the rows.

    Args:
        features: The rows of int_customers__value_features: one per customer and seen_on, which is
            the as-of date and the dates `PERIOD` and twice `PERIOD` before it.

    Returns:
        The columns of `SCORES`, a row per customer at the as-of date and at the start of the
        hold-out period, which the former's models have not seen; null where a model could not be
        fitted. And why that is so, or None.
    """
    if problem := missing_extra():
        return no_scores(), problem
    features = features.sort_by([("seen_on", "ascending"), ("one_id", "ascending")])
    dates = sorted(pc.unique(features["seen_on"]).to_pylist())
    if not dates:
        return no_scores(), "nobody has bought yet"
    seen = [_Seen.of(features.filter(pc.equal(features["seen_on"], date))) for date in dates]
    # Shorter histories have no customers at the earlier dates.
    seen = [_Seen.of(features.slice(0, 0))] * (3 - len(seen)) + seen
    training, holdout, now = seen
    scored = [_scores(now, trained_on=holdout), _scores(holdout, trained_on=training)]
    problems = [problem for _, problem in scored[:1] if problem]
    return pa.concat_tables([table for table, _ in scored]), "; ".join(problems) or None


@dataclass(frozen=True)
class _Seen:
    """Buyers at one date, sorted by one_id.

    Attributes:
        rows: The rows of the features.
        known: What is known of each.
        bought: Whether each bought in the next `PERIOD`.
    """

    rows: pa.Table
    known: Known
    bought: np.ndarray[tuple[int], np.dtype[np.bool_]]

    @classmethod
    def of(cls, rows: pa.Table) -> _Seen:
        def floats(name: str) -> Floats:
            column = pc.fill_null(rows[name].cast(pa.float64()), 0.0)
            values: Floats = column.to_numpy()
            return values

        days = floats("purchase_days")
        return cls(
            rows,
            Known(
                recency=floats("recency_days"),
                age=floats("age_days"),
                purchase_days=days,
                spend=np.maximum(floats("revenue"), 0) / np.maximum(days, 1),
                recent_orders=floats("recent_orders"),
                recent_visits=floats("recent_visits"),
            ),
            floats("next_purchase_days") > 0,
        )

    def histories(self) -> Histories:
        """Returns what BG/NBD knows: days with a purchase, so that a day of two orders is one."""
        return Histories(
            self.known.purchase_days - 1, self.known.age - self.known.recency, self.known.age
        )


def _scores(seen: _Seen, *, trained_on: _Seen) -> tuple[pa.Table, str | None]:
    """Returns the scores of buyers at one date, and why some are null."""
    columns: dict[str, Floats] = {}
    problem = None
    histories = seen.histories()
    buyers, repeaters = len(histories.age), int((histories.repeats > 0).sum())
    if buyers < FEWEST_BUYERS or repeaters < FEWEST_BUYERS / 4:
        problem = (
            f"{buyers} buyers, {repeaters} of them more than once, are too few; it takes"
            f" {FEWEST_BUYERS} and {FEWEST_BUYERS // 4}"
        )
    else:
        columns = _expected_value(seen, histories)
        problem = None if columns else "BG/NBD does not fit these purchases"
    bought = trained_on.bought
    if FEWEST <= bought.sum() <= len(bought) - FEWEST:
        columns |= {
            "purchase_probability": fitted_probabilities(
                trained_on.known.features(), bought, seen.known.features()
            ),
            "recency_probability": fitted_probabilities(
                trained_on.known.recency_alone(), bought, seen.known.recency_alone()
            ),
            "repeat_probability": fitted_probabilities(
                trained_on.known.bought_last_period(), bought, seen.known.bought_last_period()
            ),
        }
    elif problem is None:
        problem = (
            f"no purchase_probability: of {len(bought)} buyers {PERIOD} days earlier"
            f" {int(bought.sum())} bought since; at least {FEWEST} have to, and {FEWEST} not to"
        )
    return _table(seen.rows, columns), problem


def _expected_value(seen: _Seen, histories: Histories) -> dict[str, Floats]:
    """Returns the scores by BG/NBD and Gamma-Gamma that could be fitted."""
    model = fit_bg_nbd(histories)
    if model is None:
        return {}
    # Many customers have one history: of those each is computed once.
    distinct, _, which = histories.distinct()
    columns = {
        "probability_alive": model.probability_alive(distinct)[which],
        "expected_purchases": model.expected_purchases(distinct, PERIOD)[which],
        "expected_purchases_in_a_year": model.expected_purchases(distinct, YEAR)[which],
        "bg_nbd_probability": model.probability_of_purchase(distinct, PERIOD)[which],
    }
    days, spend = seen.known.purchase_days, seen.known.spend
    paid = spend > 0
    money = fit_gamma_gamma(days[paid], spend[paid]) if paid.sum() >= FEWEST else None
    if money is not None:
        columns["expected_spend"] = money.expected_spend(days, spend)
    return columns


def _table(rows: pa.Table, columns: dict[str, Floats]) -> pa.Table:
    """Returns the columns of `SCORES`, rounded, null where there is no score."""
    arrays = []
    for name in SCORES.names:
        if name in rows.column_names:
            arrays.append(rows[name])
        elif name in columns:
            values = np.round(columns[name], 6)
            arrays.append(pa.array(values, mask=~np.isfinite(values)))
        else:
            arrays.append(pa.nulls(len(rows), pa.float64()))
    return pa.table(arrays, names=SCORES.names).cast(SCORES)
