"""Intervals from the refits of a bootstrap: quantiles, plain or corrected."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri

# The fewest refits that quantiles are taken of.
LEAST_REFITS = 20


def percentile(draws: np.ndarray, level: float) -> np.ndarray:
    """Return the ends of the middle share of each column, as an array of shape (2, columns)."""
    _check_enough(draws)
    ends: np.ndarray = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return ends


def bca(draws: np.ndarray, estimate: np.ndarray, left_out: np.ndarray, level: float) -> np.ndarray:
    """Return the ends of bias-corrected and accelerated intervals, as an array of shape (2, columns).

    The quantiles are those of Φ(z₀ + (z₀ + z) / (1 - a (z₀ + z))). z₀ is the share of refits below the estimate, as a
    normal quantile. The acceleration a is the skewness of the refits that leave out one row.

    Parameters
    ----------
    draws : array of shape (refits, columns)
        The refits.
    estimate : array of shape (columns,)
        The fit itself.
    left_out : array of shape (rows, columns)
        Refits that each leave out a row.
    level : float
        The level.

    Returns
    -------
    array of shape (2, columns)
        The low and the high ends; NaN for a parameter that all refits lie on one side of.

    Raises
    ------
    ValueError
        If a refit without a row has failed, or too few refits have converged.
    """
    _check_enough(draws)
    if not np.all(np.isfinite(left_out)):
        missing = int(np.sum(~np.isfinite(left_out).all(axis=1)))
        raise ValueError(
            f"method='bca' leaves out one row at a time, and {missing:,} of these refits failed: give "
            "method='percentile'"
        )
    # Refits that equal the estimate count by half.
    below = ((draws < estimate).mean(axis=0) + (draws <= estimate).mean(axis=0)) / 2
    shift = ndtri(below)
    off = left_out.mean(axis=0) - left_out
    spread = (off**2).sum(axis=0) ** 1.5
    acceleration = np.divide((off**3).sum(axis=0), 6 * spread, out=np.zeros_like(spread), where=spread > 0)
    ends = np.full((2, len(estimate)), np.nan)
    for side, share in enumerate([(1 - level) / 2, (1 + level) / 2]):
        z = shift + ndtri(share)
        corrected = ndtr(shift + z / (1 - acceleration * z))
        for k in np.flatnonzero(np.isfinite(corrected)):
            ends[side, k] = np.quantile(draws[:, k], corrected[k])
    return ends


def _check_enough(draws: np.ndarray) -> None:
    if len(draws) < LEAST_REFITS:
        raise ValueError(
            f"{len(draws)} refits are too few for an interval: give resamples= of {LEAST_REFITS} or more, such as 1,000"
        )
