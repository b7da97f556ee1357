"""`Uncertainty`: how far the parameters of a fit may be from the truth."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from steepest.derivatives.structure import Structure
from steepest.fitting.uncertainty.request import read_level
from steepest.types import PyTree


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """How far the parameters of a fit may be from the truth, by the curvature of its loss.

    Attributes
    ----------
    names : tuple of str
        The names of the parameters, in the order of the trace.
    covariance : array of shape (parameters, parameters)
        The covariance of the estimates. A parameter that the rows do not determine has the variance infinity; one that
        was held, or that ended on a bound, has none (NaN).
    reasons : dict
        Why a parameter has no error, or an infinite one, by its name.
    why : str
        Why there are no errors at all; "" if there are some.
    label : str
        What the errors assume, such as "errors of equal variance", with what to keep in mind.
    level : float
        The level of the intervals.
    degrees : float
        The degrees of freedom of Student's t in the intervals; infinite for the normal distribution.
    scale : float
        The estimated variance of a target, or factor of the variance; 1 if the loss has none. NaN for sandwiches.
    robust : str
        "HC0" to "HC3" if the covariance is a sandwich, else "".
    weights : {"frequency", "precision"}
        What the weights of the rows were taken for.
    absolute_sigma : bool
        Whether the weights were 1/σ² with a known σ.
    estimates : array of shape (parameters,)
        The fitted parameters, flat.
    params : dict or tree
        The fitted parameters.
    root : array of shape (parameters, rank)
        A matrix whose product with its transpose is the covariance of the free parameters; its rows are NaN where
        there is no error. The standard error of a function of the parameters is the length of its gradient times
        `root`.

    Examples
    --------
    >>> import numpy as np, steepest as st
    >>> x = np.array([0.0, 1.0, 2.0, 3.0])
    >>> fit = st.fit(lambda x, m, b: m * x + b, x, np.array([1.0, 3.1, 4.9, 7.0]))
    >>> errors = fit.uncertainty()
    >>> {name: round(float(error), 4) for name, error in errors.standard_errors.items()}
    {'m': 0.0424, 'b': 0.0794}
    """

    names: tuple[str, ...]
    covariance: np.ndarray = field(repr=False)
    reasons: dict[str, str]
    why: str
    label: str
    level: float
    degrees: float
    scale: float
    robust: str
    weights: str
    absolute_sigma: bool
    estimates: np.ndarray = field(repr=False)
    params: PyTree = field(repr=False)
    root: np.ndarray = field(repr=False)

    @property
    def flat_errors(self) -> np.ndarray:
        """The standard errors as one array, in the order of `names`."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def standard_errors(self) -> PyTree:
        """The standard errors, laid out like the parameters."""
        return self.laid_out(self.flat_errors)

    @property
    def correlation(self) -> np.ndarray:
        """The correlations of the estimates; NaN where a parameter has no error, or an infinite one."""
        error = self.flat_errors
        error = np.where(np.isfinite(error) & (error > 0), error, math.nan)
        return np.clip(self.covariance / error / error[:, None], -1, 1)

    def quantile(self, level: float | None = None) -> float:
        """Return how many standard errors an interval extends to each side.

        Parameters
        ----------
        level : float, optional
            The level; that of this object by default.

        Returns
        -------
        float
            The quantile of Student's t, or of the normal distribution if `degrees` is infinite.
        """
        from scipy.special import ndtri, stdtrit

        upper = (1 + (self.level if level is None else read_level(level))) / 2
        return float(stdtrit(self.degrees, upper) if math.isfinite(self.degrees) else ndtri(upper))

    def confidence_intervals(self, level: float | None = None, method: str = "wald") -> PyTree:
        """Return an interval for each parameter: the estimate ± quantile × standard error.

        Parameters
        ----------
        level : float, optional
            The share of such intervals that hold the true parameter; that of this object by default.
        method : {"wald"}
            How the intervals are made.

        Returns
        -------
        dict or tree
            Laid out like the parameters, with a last axis of two numbers: the lower and the upper end.

        Raises
        ------
        ValueError
            If the level is not between 0 and 1, or the method is not known.
        """
        if method != "wald":
            raise ValueError(f'method={method!r} is not known: give "wald"')
        reach = self.quantile(level) * self.flat_errors
        low, high = self.laid_out(self.estimates - reach), self.laid_out(self.estimates + reach)
        return _paired(low, high)

    def laid_out(self, flat: np.ndarray) -> PyTree:
        """Return numbers, one for each parameter, in the layout of the parameters."""
        return Structure.of(self.params)[0].build(flat)

    def at_level(self, level: float) -> Self:
        """Return the same uncertainty with intervals of another level."""
        return replace(self, level=read_level(level))


def _paired(low: PyTree, high: PyTree, pair: Callable[..., np.ndarray] | None = None) -> PyTree:
    if isinstance(low, dict):
        return {name: _paired(low[name], high[name]) for name in low}
    if isinstance(low, tuple) and hasattr(low, "_fields"):
        return type(low)(*map(_paired, low, high))
    if isinstance(low, (list, tuple)):
        return type(low)(map(_paired, low, high))
    return np.stack([low, high], axis=-1)
