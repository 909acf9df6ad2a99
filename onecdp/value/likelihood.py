"""Maximum likelihood of positive parameters."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Beyond, a parameter says that customers do not differ, and the likelihood is flat.
_LEAST, _MOST = 6e-6, 1.6e5


def maximise(
    likelihood: Callable[[Floats], tuple[float, Floats]], count: int
) -> tuple[float, ...] | None:
    """Returns the parameters with the greatest likelihood, or None if the search fails.

    Args:
        likelihood: Takes the parameters; returns the mean log-likelihood of an observation and its
            gradient.
        count: How many parameters it has; all are positive, and the search begins at 1.
    """
    from scipy.optimize import minimize

    def loss(logs: Floats) -> tuple[float, Floats]:
        parameters = np.exp(logs)
        value, gradient = likelihood(parameters)
        return -value, -gradient * parameters

    found = minimize(
        loss,
        np.zeros(count),
        jac=True,
        method="L-BFGS-B",
        bounds=[(np.log(_LEAST), np.log(_MOST))] * count,
        options={"ftol": 1e-14, "gtol": 1e-8, "maxiter": 1_000},
    )
    if not np.isfinite(found.fun):
        return None
    return tuple(float(value) for value in np.exp(found.x))
