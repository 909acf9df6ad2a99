"""The BG/NBD model of how often a customer will buy.

P. Fader, B. Hardie, K. Lee, "Counting Your Customers" the Easy Way, Marketing Science 24 (2005). A
customer buys at random times with a rate of their own (gamma over customers: r, alpha) and after
each purchase leaves for good with a probability of their own (beta over customers: a, b).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from onecdp.value.likelihood import Floats, maximise

_NODES = 60
"""Of the quadrature: a relative error below 1e-5 for times up to 60 times alpha plus age."""


@dataclass(frozen=True)
class Histories:
    """What the model knows of each customer; arrays of one length, times in one unit.

    Attributes:
        repeats: Purchases after the first (x).
        last: Time from the first purchase to the last (t_x); 0 without repeats.
        age: Time from the first purchase to now (T).
    """

    repeats: Floats
    last: Floats
    age: Floats

    def distinct(self) -> tuple[Histories, Floats, np.ndarray[tuple[int], np.dtype[np.intp]]]:
        """Returns the distinct histories, how many customers have each, and which one each has."""
        rows = np.column_stack([self.repeats, self.last, self.age])
        found, which, counts = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
        return Histories(*found.T), counts.astype(np.float64), which.reshape(-1)


@dataclass(frozen=True)
class BgNbd:
    """A fitted model; alpha is in the unit of time of the histories, the others have no unit."""

    r: float
    alpha: float
    a: float
    b: float

    def probability_alive(self, of: Histories) -> Floats:
        """Returns the probability that each customer will ever buy again; 1 without repeats."""
        left_after = np.where(
            of.repeats > 0,
            np.log(self.a)
            - np.log(self.b + np.maximum(of.repeats, 1) - 1)
            + (self.r + of.repeats) * (np.log(self.alpha + of.age) - np.log(self.alpha + of.last)),
            -np.inf,
        )
        alive: Floats = 1 / (1 + np.exp(np.minimum(left_after, 700)))
        return alive

    def expected_purchases(self, of: Histories, time: float) -> Floats:
        """Returns how many purchases each customer makes in the next `time`, on average."""
        # The mean over the probability p to leave. The published form, by hyp2f1, overflows where
        # customers have many purchases or hardly differ in p.
        alive: Floats = np.empty(len(of.age))
        for repeats in np.unique(of.repeats):
            these = of.repeats == repeats
            leaving, weights = _beta_quadrature(self.a, self.b + repeats)
            longer = np.log1p(np.outer(time / (self.alpha + of.age[these]), leaving))
            alive[these] = -np.expm1(-(self.r + repeats) * longer) @ (weights / leaving)
        expected: Floats = alive * self.probability_alive(of)
        return expected

    def probability_of_purchase(self, of: Histories, time: float) -> Floats:
        """Returns the probability of at least one purchase in the next `time`."""
        waiting = (self.alpha + of.age) / (self.alpha + of.age + time)
        some: Floats = self.probability_alive(of) * (1 - waiting ** (self.r + of.repeats))
        return some


def _beta_quadrature(a: float, b: float) -> tuple[Floats, Floats]:
    """Returns points in (0, 1), and weights, for means over a beta distribution.

    G. Golub, J. Welsch, Calculation of Gauss Quadrature Rules (1969), of Jacobi polynomials.
    """
    from scipy.linalg import eigh_tridiagonal

    n = np.arange(1, _NODES, dtype=np.float64)
    left, right = b - 1, a - 1
    both = left + right
    diagonal = (right - left) * both / ((2 * n + both) * (2 * n + both + 2))
    first = (right - left) / (both + 2)
    m = n[1:]
    squares = (
        4 * m * (m + left) * (m + right) * (m + both)
        / ((2 * m + both) ** 2 * (2 * m + both + 1) * (2 * m + both - 1))
    )  # fmt: skip
    second = 4 * (1 + left) * (1 + right) / ((2 + both) ** 2 * (3 + both))
    points, vectors = eigh_tridiagonal(
        np.append(first, diagonal), np.sqrt(np.append(second, squares))
    )
    # Not 0: a point that is too small for the difference from -1 has the limit of the mean.
    return np.maximum((points + 1) / 2, 1e-12), vectors[0] ** 2


def fit_bg_nbd(histories: Histories) -> BgNbd | None:
    """Returns the model with the greatest likelihood, or None if there is none.

    Equal histories are counted once, so the order of the customers is irrelevant.
    """
    from scipy.special import digamma, gammaln

    groups, counts, _ = histories.distinct()
    unit = max(float(groups.age.max(initial=0)), 1e-9) / 10
    x, last, age = groups.repeats, groups.last / unit, groups.age / unit
    weights = counts / counts.sum()
    repeated = x > 0
    earlier = np.maximum(x, 1) - 1

    def likelihood(parameters: Floats) -> tuple[float, Floats]:
        r, alpha, a, b = parameters
        log_age, log_last = np.log(alpha + age), np.log(alpha + last)
        stayed = -(r + x) * log_age
        left = np.where(repeated, np.log(a) - np.log(b + earlier) - (r + x) * log_last, -np.inf)
        either = np.logaddexp(stayed, left)
        values = (
            gammaln(r + x)
            - gammaln(r)
            + r * np.log(alpha)
            + gammaln(a + b)
            + gammaln(b + x)
            - gammaln(b)
            - gammaln(a + b + x)
            + either
        )
        did_leave = np.exp(left - either)
        stays = 1 - did_leave
        both = digamma(a + b) - digamma(a + b + x)
        gradients = (
            digamma(r + x) - digamma(r) + np.log(alpha) - stays * log_age - did_leave * log_last,
            r / alpha - (r + x) * (stays / (alpha + age) + did_leave / (alpha + last)),
            both + did_leave / a,
            both + digamma(b + x) - digamma(b) - did_leave / (b + earlier),
        )
        return float(weights @ values), np.array([weights @ each for each in gradients])

    found = maximise(likelihood, 4)
    if found is None:
        return None
    r, alpha, a, b = found
    return BgNbd(r, alpha * unit, a, b)
