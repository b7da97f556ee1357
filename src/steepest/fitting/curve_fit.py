"""`curve_fit`: the call and the result of SciPy's function of that name, with the descents of this library."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping

import numpy as np

from steepest.arguments import our_words
from steepest.finding import HINT
from steepest.fitting.fit import fit
from steepest.fitting.uncertainty.wording import grouped
from steepest.printable import quoted
from steepest.trace import Outcome
from steepest.types import Array, Function

# The lower and the upper bound of a parameter; None for none.
Pair = tuple[float | None, float | None]
# Outcomes at which the parameters are those of a minimum, as near as numbers allow.
FOUND = (Outcome.CONVERGED, Outcome.STALLED, Outcome.NOISE_FLOOR)


@our_words
def curve_fit(
    f: Function,
    xdata: Array,
    ydata: Array,
    p0: Array = None,
    sigma: Array = None,
    absolute_sigma: bool = False,
    bounds: tuple[Array, Array] = (-np.inf, np.inf),
) -> tuple[np.ndarray, np.ndarray]:
    """Fit a function to data by least squares; return the parameters and their covariance, as SciPy's curve_fit does.

    `fit` tells more: the outcome, the certificate, the trace, errors by name and pictures. This function is for code
    that was written for SciPy. Derivatives are exact where the code can be traced, and no evaluations need be counted.
    SciPy's method=, jac=, maxfev=, full_output=, nan_policy= and check_finite= have no counterpart: leave them out.

    Parameters
    ----------
    f : callable
        The model, ``f(x, *parameters)``. It may take its parameters by ``*args`` if `p0` is given.
    xdata : array of shape (M,) or (k, M)
        The independent variable, or k of them; f gets it as it is.
    ydata : array of shape (M,)
        The data.
    p0 : array of shape (N,), optional
        The start; ones by default.
    sigma : float, array of shape (M,) or (M, M), optional
        The standard deviations of the errors of `ydata`, or their covariance.
    absolute_sigma : bool
        Whether sigma is in the units of `ydata`. By default only the relative sizes count, and the covariance is
        multiplied by the variance of the weighted residuals.
    bounds : pair or scipy.optimize.Bounds
        The lower and the upper bounds, each a number or one for each parameter. Without `p0` a parameter starts in the
        middle of its bounds, or 1 away from its only one.

    Returns
    -------
    popt : array of shape (N,)
        The parameters.
    pcov : array of shape (N, N)
        Their covariance; infinite if it can't be estimated. A parameter that ends on a bound has an infinite variance,
        and the others are those with it held there; SciPy ignores bounds here.

    Raises
    ------
    ValueError
        If the data, sigma or the start make no sense.
    TypeError
        If there are fewer data than parameters, or an argument has the wrong type or another name here.
    RuntimeError
        If no minimum was found.

    Warns
    -----
    OptimizeWarning
        SciPy's, if the covariance can't be estimated.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([0.0, 1.0, 2.0, 3.0])
    >>> popt, pcov = curve_fit(lambda x, m, b: m * x + b, x, np.array([1.0, 3.1, 4.9, 7.0]))
    >>> popt.round(2), np.sqrt(np.diag(pcov)).round(4)
    (array([1.98, 1.03]), array([0.0424, 0.0794]))
    """
    from scipy.optimize import OptimizeWarning

    start, box = _start(f, p0, bounds)
    y = np.asarray(ydata, dtype=float)
    if y.ndim != 1 or not y.size:
        raise ValueError(f"ydata has the shape {y.shape}: give one number for each point, (M,)")
    if start.size > y.size:
        raise TypeError(f"there are {start.size} parameters and only {y.size} data: give at least as many data")
    model, X, y, weight = _rows(f, xdata, y, sigma, start.size)
    fitted = fit(model, X, y, start={"p": start}, sample_weight=weight, bounds=box)
    if fitted.outcome not in FOUND:
        # The caller has no fit to diagnose.
        raise RuntimeError(f"optimal parameters not found: {fitted.message.replace(HINT, '')}")
    found = fitted.uncertainty(weights="precision", absolute_sigma=bool(absolute_sigma))
    if not (found.why or found.reasons):
        return fitted.params["p"], found.covariance
    why = found.why or "; ".join(grouped(found.reasons))
    # A parameter with equal bounds was held.
    on_a_bound = not found.why and set(found.reasons) <= {*fitted.at_bound, *fitted.fixed}
    which = "all parameters" if on_a_bound else "the parameters"
    warnings.warn(f"Covariance of {which} could not be estimated: {why}", OptimizeWarning, stacklevel=3)
    return fitted.params["p"], np.where(np.isfinite(found.covariance) & on_a_bound, found.covariance, np.inf)


def _start(f: Function, p0: Array, bounds: tuple[Array, Array]) -> tuple[np.ndarray, Mapping[str, list[Pair]] | None]:
    """Return the start, inside the bounds if none was given, and the bounds as `fit` takes them, None for none."""
    given = None if p0 is None else np.atleast_1d(np.asarray(p0, dtype=float))
    if given is not None and (given.ndim != 1 or not given.size):
        raise ValueError(f"p0={quoted(p0)}: give one number for each parameter")
    count = _parameters(f) if given is None else given.size
    # SciPy's Bounds has its sides as attributes.
    bounds = (getattr(bounds, "lb", None), getattr(bounds, "ub", None)) if hasattr(bounds, "lb") else bounds
    try:
        low, high = (np.broadcast_to(np.asarray(side, dtype=float), count) for side in bounds)
    except (TypeError, ValueError):
        raise ValueError(
            f"bounds={quoted(bounds)}: give a pair, (lower, upper), each a number or {count} numbers"
        ) from None
    has_low, has_high = np.isfinite(low), np.isfinite(high)
    if given is None:
        below, above = np.where(has_low, low, 0.0), np.where(has_high, high, 0.0)
        one_sided = np.where(has_low, below + 1, np.where(has_high, above - 1, 1.0))
        given = np.where(has_low & has_high, (below + above) / 2, one_sided)
    if not (has_low.any() or has_high.any()):
        return given, None
    pairs = [
        (float(a) if is_low else None, float(b) if is_high else None)
        for a, b, is_low, is_high in zip(low, high, has_low, has_high, strict=True)
    ]
    return given, {"p": pairs}


def _parameters(f: Function) -> int:
    """Return how many parameters f has after x."""
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    places = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    count = sum(p.kind in places for p in parameters) - 1
    if count < 1 or any(p.kind is p.VAR_POSITIONAL for p in parameters):
        raise ValueError(f"f={quoted(f)} does not name its parameters: give their start, p0=")
    return count


def _rows(
    f: Function, xdata: Array, y: np.ndarray, sigma: Array, count: int
) -> tuple[Callable[..., Array], np.ndarray, np.ndarray, np.ndarray | None]:
    """Return f as a model of rows and of one array p, the rows, their targets and their weights."""
    M = y.size
    sigma = None if sigma is None else np.asarray(sigma, dtype=float)
    if sigma is not None and sigma.shape == (M, M) and M > 1:
        return _whitened(f, xdata, y, sigma, count)
    weight = None
    if sigma is not None:
        if sigma.size not in (1, M) or sigma.ndim > 1:
            raise ValueError(f"sigma has the shape {sigma.shape}: give one number, ({M},) or ({M}, {M})")
        wrong = np.flatnonzero(~(np.isfinite(sigma.ravel()) & (sigma.ravel() > 0)))
        if wrong.size:
            raise ValueError(
                f"sigma[{wrong[0]}] = {sigma.ravel()[wrong[0]]:g}: a standard deviation must be above 0 and finite: "
                "leave out data that were not measured, and give a small sigma to those that are exact"
            )
        weight = np.broadcast_to(1 / sigma.ravel() ** 2, M).copy()
    x = np.asarray(xdata, dtype=float)
    if x.ndim == 2 and x.shape[1] == M:
        return lambda X, p: f(X.T, *(p[k] for k in range(count))), x.T, y, weight
    if not x.ndim or x.shape[0] != M:
        raise ValueError(f"xdata has the shape {x.shape} and ydata ({M},): give xdata of shape ({M},) or (k, {M})")
    return lambda X, p: f(X, *(p[k] for k in range(count))), x, y, weight


def _whitened(
    f: Function, xdata: Array, y: np.ndarray, sigma: np.ndarray, count: int
) -> tuple[Callable[..., Array], np.ndarray, np.ndarray, None]:
    """Return the model L⁻¹ f for errors of the covariance L Lᵀ: each row of L⁻¹ is a row of data."""
    from scipy.linalg import solve_triangular

    if not np.allclose(sigma, sigma.T, rtol=1e-8, atol=0):
        # Cholesky's algorithm reads one half only.
        raise ValueError("sigma is no covariance: it must be symmetric: take (sigma + sigma.T) / 2 if that is meant")
    try:
        L = np.linalg.cholesky(sigma)
    except np.linalg.LinAlgError:
        raise ValueError("sigma is no covariance: it must be symmetric and positive definite") from None
    x = np.asarray(xdata, dtype=float)
    inverse = solve_triangular(L, np.eye(y.size), lower=True)
    return lambda rows, p: rows @ f(x, *(p[k] for k in range(count))), inverse, inverse @ y, None
