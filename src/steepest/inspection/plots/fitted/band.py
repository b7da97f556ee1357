"""`Band`: how far the curve of a fit, and new rows around it, may be off, as the fit itself states it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from steepest.inspection.protocol import FitLike, PredictorLike, StatedFitLike
from steepest.types import Function, PyTree

LEVEL = 0.95
# The share of the residuals in a band that has no theory behind it. Chosen, not measured: fewer rows suffice for it
# than for 95 %.
MIDDLE = 0.9
# The fewest rows from which its ends can be read.
FEWEST = 20
# Losses of numbers, around whose curve the residuals scatter.
OF_NUMBERS = ("squared", "absolute", "huber", "quantile", "epsilon-insensitive")
GROWING = {
    "Poisson": "the spread of counts grows with the mean",
    "Gamma": "the spread of the rows grows with the mean",
}
# A fit is that of least squares if it is nearer to it than this share of a standard error.
NEAR = 0.1
# Residuals of this share of the targets are rounding errors.
EXACT = 1e-10
# The most numbers in a Jacobian (160 MB) for a picture that nobody may have asked for.
MOST_NUMBERS = 2e7

# A function from the points and the parameters of a curve to its heights.
Curve = Callable[[np.ndarray, Mapping[str, PyTree]], np.ndarray]


@dataclass(frozen=True, eq=False)
class Band:
    """A band around the curve of a fit, at the points of the curve.

    Parameters
    ----------
    low, high : array of shape (points,)
        The band that holds `level` of new rows; without a theory, of the rows that were fitted.
    level : float
        The share.
    curve_low, curve_high : array of shape (points,) or None
        The band that holds the true curve at each point with confidence `level`; None without a theory.
    spread : float
        The estimated standard deviation of the errors; NaN without a theory.
    """

    low: np.ndarray
    high: np.ndarray
    level: float
    curve_low: np.ndarray | None = None
    curve_high: np.ndarray | None = None
    spread: float = float("nan")

    @property
    def has_theory(self) -> bool:
        """Whether the band follows from the theory of least squares."""
        return self.curve_low is not None


def band_of(fit: FitLike, x: np.ndarray, curve: Curve) -> tuple[Band | None, str]:
    """Return the band of a fit on one column at points x, or None, and why it is not the band of least squares.

    For the squared loss without a penalty both bands are those of ``fit.predict(x, interval=…)``.

    Parameters
    ----------
    fit : fit
        The fit.
    x : array of shape (points,)
        The points.
    curve : callable
        Takes points and parameters, and returns the heights of the curve.

    Returns
    -------
    Band or None
        The band; None if nothing true can be drawn.
    str
        The reason if it is not the band of least squares, as the end of a sentence; "" if it is.
    """
    basis = fit.basis if isinstance(fit, PredictorLike) else None
    name = getattr(getattr(basis, "loss", None), "name", "")
    if basis is None or name not in OF_NUMBERS:
        return None, _why_no_numbers(basis.loss) if basis is not None else ""
    learnt = np.asarray(basis.learnt)
    X, y = np.ravel(np.asarray(basis.X, dtype=float))[learnt], np.asarray(basis.y, dtype=float)[learnt]
    residuals = y - curve(X, fit.params)
    if not np.isfinite(residuals).all():
        return None, "it is not finite in some rows"
    if np.linalg.norm(residuals) <= EXACT * np.linalg.norm(y):
        return None, "it goes through every row"
    weight = np.asarray(basis.weight)[learnt]
    why = ""
    if name != "squared":
        why = f"its loss is the {name} one, not the squared"
    elif basis.penalty is not None:
        why = "a penalty draws it away from least squares"
    elif weight.min() < weight.max():
        why = "its rows have different weights"
    else:
        band, why = _of_least_squares(fit, X, x)
        if band is not None:
            return band, ""
    return _of_residuals(curve(x, fit.params), residuals), why


def _why_no_numbers(loss: Function) -> str:
    if getattr(loss, "classes", False):
        return "it predicts classes"
    return GROWING.get(getattr(loss, "name", ""), "its loss is a function of your own")


def _of_residuals(line: np.ndarray, residuals: np.ndarray) -> Band | None:
    if len(residuals) < FEWEST:
        return None
    low, high = np.quantile(residuals, [(1 - MIDDLE) / 2, (1 + MIDDLE) / 2])
    return Band(line + low, line + high, MIDDLE)


def _of_least_squares(fit: FitLike, X: np.ndarray, x: np.ndarray) -> tuple[Band | None, str]:
    if not isinstance(fit, StatedFitLike):
        return None, "it states no errors"
    count = len(fit.trace.names)
    if len(X) <= count:
        return None, f"it has as many parameters as rows, {count}"
    if len(X) * count > MOST_NUMBERS:
        return None, f"it has {count:,} parameters"
    errors = fit.uncertainty(level=LEVEL)
    if errors.why:
        return None, errors.why.partition(":")[0]
    if np.isinf(errors.flat_errors).any():
        return None, "the rows do not determine its parameters"
    if errors.distance > NEAR:
        return None, "its descent ended before least squares"
    assert fit.data is not None
    points = x.reshape(-1, 1) if np.ndim(fit.data[0]) == 2 else x
    _, low, high = fit.predict(points, interval="confidence", level=LEVEL)
    _, rows_low, rows_high = fit.predict(points, interval="prediction", level=LEVEL)
    if not all(np.isfinite(each).all() for each in (low, high, rows_low, rows_high)):
        return None, "its derivatives by the parameters are not finite"
    return Band(rows_low, rows_high, LEVEL, low, high, math.sqrt(errors.scale)), ""
