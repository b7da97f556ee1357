"""`Uncertainty`: how far the parameters of a fit may be from the truth."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple, Protocol, Self

import numpy as np

from steepest.derivatives.structure import Structure
from steepest.fitting.uncertainty.request import read_level
from steepest.fitting.uncertainty.summary import Summary, significance
from steepest.printable import quoted
from steepest.types import PyTree

if TYPE_CHECKING:
    import pandas

METHODS = ("wald", "profile")


class Ends(NamedTuple):
    """The ends of intervals, flat in the order of the trace.

    Attributes
    ----------
    low, high : array of shape (parameters,)
        The ends; infinite where there is none, and NaN for a parameter without an error.
    reasons : dict
        What is special about a parameter, by its name.
    """

    low: np.ndarray
    high: np.ndarray
    reasons: dict[str, str]


class Source(Protocol):
    """The fit that an uncertainty is about."""

    def profile(self, uncertainty: Uncertainty, level: float) -> Ends:
        """Return the profile intervals."""

    def goodness(self, uncertainty: Uncertainty) -> tuple[dict[str, float], tuple[tuple[str, str], ...]]:
        """Return how well the fit agrees with its rows, as numbers and as text."""


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
    distance : float
        How many standard errors the fit is from the minimum, for the parameter that is farthest.
    source : Source or None
        The fit.

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
    distance: float = 0.0
    source: Source | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        # A fit keeps its errors, and all who ask get the same arrays.
        for array in (self.covariance, self.root, self.estimates):
            array.flags.writeable = False

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
        """Return an interval for each parameter, laid out like the parameters with a last axis (low, high).

        Parameters
        ----------
        level : float, optional
            The share of such intervals that hold the true parameter; that of this object by default.
        method : {"wald", "profile"}
            "wald" is the estimate ± quantile × standard error. "profile" moves the parameter and fits all others again,
            until the loss is higher than chance allows: better where the model is not linear, at the cost of about ten
            refits for each parameter.

        Returns
        -------
        dict or tree
            The intervals. A warning names the ends that do not exist, which are infinite, with the reason.

        Raises
        ------
        ValueError
            If the level is not between 0 and 1, the method is not known, or the fit has no profiles.
        RuntimeError
            If a refit is better than the fit.
        """
        ends = self.ends(level, method)
        if method == "profile" and (unusual := {k: why for k, why in ends.reasons.items() if k not in self.reasons}):
            warnings.warn("; ".join(f"{name}: {why}" for name, why in unusual.items()), RuntimeWarning, stacklevel=3)
        return _paired(self.laid_out(ends.low), self.laid_out(ends.high))

    def ends(self, level: float | None = None, method: str = "wald") -> Ends:
        """Return the ends of the intervals, flat, with what is special about single parameters.

        Parameters
        ----------
        level, method
            As for `confidence_intervals`.

        Returns
        -------
        Ends
            The ends.
        """
        level = self.level if level is None else read_level(level)
        if method not in METHODS:
            raise ValueError(f'method={quoted(method)}: give "wald" or "profile"')
        if method == "wald" or self.why:
            reach = self.quantile(level) * self.flat_errors
            return Ends(self.estimates - reach, self.estimates + reach, self.reasons)
        if self.robust:
            raise ValueError(
                'method="profile" follows a likelihood, and these errors are a sandwich, which does without one: '
                'give method="wald"'
            )
        if self.source is None:
            raise ValueError('method="profile" needs the fit: ask it for the intervals')
        return self.source.profile(self, level)

    def summary(self, method: str = "wald") -> Summary:
        """Return a table of the parameters with errors, tests and intervals.

        Parameters
        ----------
        method : {"wald", "profile"}
            How the intervals are made.

        Returns
        -------
        Summary
            The table: print it, or take its `to_frame`.
        """
        ends = self.ends(method=method)
        values, facts = self.source.goodness(self) if self.source else ({}, ())
        statistics, p = significance(self.estimates, self.flat_errors, self.degrees)
        return Summary(
            self.names, self.estimates, self.flat_errors, statistics, p, "t" if math.isfinite(self.degrees) else "z",
            ends.low, ends.high, self.level, method, ends.reasons, self.why, self.label, values, facts,
        )  # fmt: skip

    def to_frame(self, method: str = "wald") -> pandas.DataFrame:
        """Return the summary as a DataFrame of pandas, with a row for each parameter.

        Parameters
        ----------
        method : {"wald", "profile"}
            How the intervals are made.

        Returns
        -------
        pandas.DataFrame
            The columns estimate, error, t or z, p, low and high, and reason if there are any.
        """
        return self.summary(method).to_frame()

    def __str__(self) -> str:
        return str(self.summary())

    def laid_out(self, flat: np.ndarray) -> PyTree:
        """Return numbers, one for each parameter, in the layout of the parameters.

        Parameters
        ----------
        flat : array of shape (parameters,)
            The numbers, in the order of `names`.

        Returns
        -------
        dict or tree
            The same numbers.
        """
        return Structure.of(self.params)[0].build(flat)

    def at_level(self, level: float) -> Self:
        """Return the same uncertainty with intervals of another level.

        Parameters
        ----------
        level : float
            The level, between 0 and 1.

        Returns
        -------
        Uncertainty
            The uncertainty.
        """
        return replace(self, level=read_level(level))


def _paired(low: PyTree, high: PyTree, pair: Callable[..., np.ndarray] | None = None) -> PyTree:
    if isinstance(low, dict):
        return {name: _paired(low[name], high[name]) for name in low}
    if isinstance(low, tuple) and hasattr(low, "_fields"):
        return type(low)(*map(_paired, low, high))
    if isinstance(low, (list, tuple)):
        return type(low)(map(_paired, low, high))
    return np.stack([low, high], axis=-1)
