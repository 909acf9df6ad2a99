"""The probability of a purchase in the next period: a logistic model and two baselines.

A model is trained on what was known at the start of a period and what happened in it, and applied
at the end of that period or later: never to what it was trained on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from onecdp.value.likelihood import Floats

FEWEST = 20
"""Customers who bought, and who didn't, that a model is trained on, at least."""


@dataclass(frozen=True)
class Known:
    """What is known of each customer at one time; arrays of one length, times in days.

    Attributes:
        recency: Since the last purchase.
        age: Since the first purchase.
        purchase_days: Days with a purchase.
        spend: Revenue of such a day, on average.
        recent_orders: Orders in the last period.
        recent_visits: Sessions without a purchase in the last period.
    """

    recency: Floats
    age: Floats
    purchase_days: Floats
    spend: Floats
    recent_orders: Floats
    recent_visits: Floats

    def features(self) -> Floats:
        """Returns a row per customer and a column per feature of the model."""
        # The pause since the last purchase, in usual pauses; without a second purchase unknown.
        repeats, lived = self.purchase_days - 1, self.age - self.recency
        has_rhythm = (repeats > 0) & (lived > 0)
        rhythm = np.where(has_rhythm, self.recency * repeats / np.maximum(lived, 1), 0)
        return np.column_stack(
            [
                np.log1p(self.recency),
                np.log1p(self.age),
                np.log1p(self.purchase_days),
                np.log1p(self.spend),
                np.log1p(self.recent_orders),
                np.log1p(self.recent_visits),
                has_rhythm,
                np.log1p(rhythm),
            ]
        )

    def recency_alone(self) -> Floats:
        """Returns the one feature of the first baseline."""
        return np.log1p(self.recency)[:, None]

    def bought_last_period(self) -> Floats:
        """Returns the one feature of the second baseline: the last period repeats."""
        return (self.recent_orders > 0).astype(np.float64)[:, None]


def fitted_probabilities(features: Floats, bought: np.ndarray, later: Floats) -> Floats:
    """Returns the probability of a purchase in the period that begins at `later`.

    Args:
        features: Of the period of training, a row per customer.
        bought: Whether each of these bought in that period; both kinds occur.
        later: The same features at a later time, a row per customer.
    """
    from sklearn.linear_model import LogisticRegression

    # Scaled, so that the penalty on large weights is the same for each feature.
    center, spread = features.mean(axis=0), features.std(axis=0)
    spread[spread == 0] = 1
    model = LogisticRegression(max_iter=1_000).fit((features - center) / spread, bought)
    probabilities: Floats = model.predict_proba((later - center) / spread)[:, 1]
    return probabilities
