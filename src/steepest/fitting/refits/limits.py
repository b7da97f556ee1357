"""The values and bounds that parameters were held at or between, flat."""

from __future__ import annotations

import math

import numpy as np

from steepest.fitting.result import Fit


def held_of(fit: Fit) -> np.ndarray | None:
    """Return which parameters of a fit were held at a value; None if none was."""
    return np.array([name in fit.fixed for name in fit.parameter_names]) if fit.fixed else None


def limits_of(fit: Fit) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the lower and upper bounds of all parameters, infinite where there is none; None if all are."""
    if not fit.bounds:
        return None
    sides = [fit.bounds.get(name, (None, None)) for name in fit.parameter_names]
    low = np.array([-math.inf if low is None else low for low, _ in sides])
    high = np.array([math.inf if high is None else high for _, high in sides])
    return low, high
