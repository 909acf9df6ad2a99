"""Maximum likelihood of positive parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# exp(±12): beyond, a parameter says that there is no spread at all, and the likelihood is flat.
_WIDEST = 12.0


def maximise(
    likelihood: Callable[[Floats], tuple[float, Floats]], start: Sequence[float]
) -> tuple[float, ...] | None:
    """Returns the parameters with the greatest likelihood, or None if the search fails.

    Args:
        likelihood: Takes the parameters; returns the mean log-likelihood of an observation and its
            gradient.
        start: Where the search begins; all parameters are positive.
    """
    from scipy.optimize import minimize

    def loss(logs: Floats) -> tuple[float, Floats]:
        parameters = np.exp(logs)
        value, gradient = likelihood(parameters)
        return -value, -gradient * parameters

    found = minimize(
        loss,
        np.log(np.asarray(start, dtype=np.float64)),
        jac=True,
        method="L-BFGS-B",
        bounds=[(-_WIDEST, _WIDEST)] * len(start),
        options={"ftol": 1e-14, "gtol": 1e-8, "maxiter": 1_000},
    )
    if not np.isfinite(found.fun):
        return None
    return tuple(float(value) for value in np.exp(found.x))
