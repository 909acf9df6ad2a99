"""The Gamma-Gamma model of how much a customer will spend.

P. Fader, B. Hardie, The Gamma-Gamma Model of Monetary Value (2013). What a customer spends at a
time varies around a mean of their own, whatever the number of purchases; the means vary over
customers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from onecdp.value.likelihood import Floats, maximise


@dataclass(frozen=True)
class GammaGamma:
    """A fitted model; v is in the currency of the data, the others have no unit."""

    p: float
    q: float
    v: float

    def expected_spend(self, purchases: Floats, mean: Floats) -> Floats:
        """Returns what each customer spends at a purchase to come, on average.

        Args:
            purchases: How many purchases `mean` is of; at least 1.
            mean: What they were worth on average.
        """
        expected: Floats = self.p * (self.v + purchases * mean) / (self.p * purchases + self.q - 1)
        return expected


def fit_gamma_gamma(purchases: Floats, mean: Floats) -> GammaGamma | None:
    """Returns the model with the greatest likelihood, or None if there is none.

    The order of the customers is irrelevant.

    Args:
        purchases: How many purchases of each customer, at least 1.
        mean: What they were worth on average, more than 0.
    """
    from scipy.special import digamma, gammaln

    rows, counts = np.unique(np.column_stack([purchases, mean]), axis=0, return_counts=True)
    x, means = rows.T
    weights = counts / counts.sum()
    unit = float(weights @ means)
    m = means / unit
    log_m, log_x = np.log(m), np.log(x)

    def likelihood(parameters: Floats) -> tuple[float, Floats]:
        # More than 1: otherwise the mean over customers is infinite.
        p, above_one, v = parameters
        q = 1 + above_one
        total = np.log(x * m + v)
        values = (
            gammaln(p * x + q)
            - gammaln(p * x)
            - gammaln(q)
            + q * np.log(v)
            + (p * x - 1) * log_m
            + p * x * log_x
            - (p * x + q) * total
        )
        both = digamma(p * x + q)
        gradients = (
            x * (both - digamma(p * x) + log_m + log_x - total),
            both - digamma(q) + np.log(v) - total,
            q / v - (p * x + q) / (x * m + v),
        )
        return float(weights @ values), np.array([weights @ each for each in gradients])

    found = maximise(likelihood, 3)
    if found is None:
        return None
    p, above_one, v = found
    return GammaGamma(p, 1 + above_one, v * unit)
