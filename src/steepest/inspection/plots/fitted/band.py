"""`Band`: how far the curve of a fit, and new rows around it, may be off.

This is the one place that computes standard errors for pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from steepest.inspection.protocol import FitLike, Model, PredictorLike
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
# A curve is the one of least squares if it is nearer to it than this share of its own standard error.
NEAR = 0.1
# Residuals of this share of the targets are rounding errors.
EXACT = 1e-10
# The step of a difference with five points, relative to the parameter: its error is about eps⁰·⁸.
STEP = float(np.finfo(float).eps) ** 0.2
# The most numbers in a Jacobian (160 MB).
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

    For the squared loss without a penalty, the curve at x has the standard error s √(g'(J'J)⁻¹g), with the gradient g
    of the curve by its parameters, the Jacobian J of all rows and s² = Σr² / (rows - parameters). For a line this is
    exact, for other curves the delta method. A new row has the standard error s √(1 + g'(J'J)⁻¹g).

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
        band, why = _of_least_squares(fit, curve, X, residuals, x)
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


def _of_least_squares(
    fit: FitLike, curve: Curve, X: np.ndarray, residuals: np.ndarray, x: np.ndarray
) -> tuple[Band | None, str]:
    from scipy.special import stdtrit

    count = sum(np.size(value) for value in fit.params.values() if _is_numbers(value))
    if not all(map(_is_numbers, fit.params.values())):
        return None, "there is no such theory for nested parameters"
    if len(X) <= count:
        return None, f"it has as many parameters as rows, {count}"
    if len(X) * count > MOST_NUMBERS:
        return None, f"it has {count:,} parameters"
    J, g = (_jacobian(fit, curve, points) for points in (X, x))
    length = np.linalg.norm(J, axis=0)
    if not (np.isfinite(J).all() and np.isfinite(g).all() and length.all()):
        return None, "its derivatives by the parameters are not finite or vanish"
    Q, R = np.linalg.qr(J / length)
    if np.linalg.cond(R) > 1 / np.sqrt(np.finfo(float).eps):
        return None, "the rows do not determine its parameters"
    free = len(X) - count
    spread = float(np.linalg.norm(residuals) / np.sqrt(free))
    if np.linalg.norm(Q.T @ residuals) > NEAR * spread:
        return None, "its descent ended before least squares"
    leverage = np.sum(np.linalg.solve(R.T, (g / length).T) ** 2, axis=0)
    t, line = float(stdtrit(free, (1 + LEVEL) / 2)), curve(x, fit.params)
    of_curve, of_rows = t * spread * np.sqrt(leverage), t * spread * np.sqrt(1 + leverage)
    return Band(line - of_rows, line + of_rows, LEVEL, line - of_curve, line + of_curve, spread), ""


def _is_numbers(value: PyTree) -> bool:
    return not isinstance(value, (dict, list, tuple)) and np.asarray(value).dtype.kind in "biuf"


def _is_straight(model: Model, params: Mapping[str, PyTree]) -> bool:
    """Return whether a model is a line: one coefficient, an intercept, and outputs that are the predictions."""
    if list(params) != ["coef", "intercept"] or np.size(params["coef"]) != 1 or hasattr(model, "map"):
        return False
    return bool(np.all(np.asarray(model.response(np.array([-1.5, 2.0]))) == [-1.5, 2.0]))


def _jacobian(fit: FitLike, curve: Curve, points: np.ndarray) -> np.ndarray:
    """Return the derivatives of the curve by each parameter: exact for a line, else by differences of five points."""
    if _is_straight(fit.model, fit.params):
        return np.column_stack([points, np.ones(len(points))])

    def moved(name: str, place: tuple[int, ...], by: float) -> np.ndarray:
        value = np.array(fit.params[name], dtype=float)
        value[place] += by
        return curve(points, {**fit.params, name: value[()]})

    columns = []
    for name, value in fit.params.items():
        for place in np.ndindex(np.shape(value)):
            step = STEP * (abs(float(np.asarray(value)[place])) or 1.0)
            wide = moved(name, place, 2 * step) - moved(name, place, -2 * step)
            narrow = moved(name, place, step) - moved(name, place, -step)
            columns.append((8 * narrow - wide) / (12 * step))
    return np.column_stack(columns)
