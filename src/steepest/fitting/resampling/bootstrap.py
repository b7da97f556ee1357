"""The result of a bootstrap: the answers of many refits, with the standard errors and intervals that follow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from steepest.fitting.resampling.intervals import LEAST_REFITS, bca, percentile
from steepest.printable import MOST_LETTERS, printable, quoted
from steepest.types import PyTree

if TYPE_CHECKING:
    import pandas as pd

METHODS = ("percentile", "basic", "bca")
# The most parameters that are printed: about two screens.
MOST_SHOWN = 100


@dataclass(eq=False)
class Bootstrap:
    """Refits of a model to resampled data: how much its parameters would vary if the data were drawn again.

    `Fit.bootstrap` makes one. Refits that fail are counted by reason in `failed`, and have no row in `flat`.

    Attributes
    ----------
    names : tuple of str
        The names of the parameters, as in the trace of the fit.
    params : dict
        The parameters of the fit itself.
    flat : array of shape (refits, parameters)
        The parameters of each refit that has converged, in the order of `names`.
    kind : {"rows", "residuals"}
        What was resampled.
    resamples : int
        How many refits were made.
    failed : dict of str to int
        How many refits have failed, by reason; empty if none has.
    was_stopped : bool
        Whether Ctrl-C ended it before all refits were made.
    level : float
        The level of the intervals that are shown.
    held : array of bool or None
        Which parameters were held at a value, flat: their standard errors, biases and intervals are NaN.
    limits : (low, high) or None
        The bounds of the parameters, flat, infinite where there is none.
    note : str
        What the reader of the intervals must know; "" if nothing.

    Examples
    --------
    >>> import numpy as np, steepest as st
    >>> x = np.linspace(0, 4, 40)
    >>> y = 3 * np.exp(-0.7 * x) + 0.1 * np.sin(50 * x)
    >>> fit = st.fit(lambda x, height, rate: height * np.exp(-rate * x), x, y)
    >>> boot = fit.bootstrap(200, rng=0)
    >>> boot.flat.shape, boot.failed
    ((200, 2), {})
    >>> low, high = boot.confidence_intervals()["rate"]
    >>> bool(low < 0.7 < high)
    True
    """

    names: tuple[str, ...]
    params: Mapping[str, PyTree]
    flat: np.ndarray
    kind: str
    resamples: int
    failed: dict[str, int] = field(default_factory=dict)
    was_stopped: bool = False
    level: float = 0.95
    jackknife: Callable[[], np.ndarray] | None = field(default=None, repr=False)
    held: np.ndarray | None = field(default=None, repr=False)
    limits: tuple[np.ndarray, np.ndarray] | None = field(default=None, repr=False)
    note: str = ""

    @property
    def draws(self) -> dict[str, PyTree]:
        """The parameters of the refits by name, laid out like those of the fit, with the refits along a first axis."""
        return laid_out(self.params, self.flat)

    @cached_property
    def covariance(self) -> np.ndarray:
        """The covariance of the refits, in the order of `names`."""
        covariance = np.atleast_2d(np.cov(self.flat, rowvar=False))
        if self.held is not None:
            covariance[self.held] = covariance[:, self.held] = np.nan
        return covariance

    @property
    def standard_errors(self) -> dict[str, PyTree]:
        """The standard deviation of the refits, laid out like the parameters."""
        return laid_out(self.params, np.sqrt(np.diag(self.covariance)))

    @property
    def bias(self) -> dict[str, PyTree]:
        """The mean of the refits less the fit itself, laid out like the parameters."""
        return laid_out(self.params, self._off())

    def _off(self) -> np.ndarray:
        off = self.flat.mean(axis=0) - self.estimate
        return off if self.held is None else np.where(self.held, np.nan, off)

    @cached_property
    def estimate(self) -> np.ndarray:
        """The parameters of the fit itself, flat."""
        return flat_of(self.params)

    @cached_property
    def left_out(self) -> np.ndarray:
        """The parameters of refits that each leave out one row; rows of NaN for refits that failed."""
        if self.jackknife is None and self.kind == "rows":
            raise ValueError(
                "method='bca' leaves out one row at a time, and this bootstrap was copied or pickled without its rows: "
                "ask for method='bca' before that, or give method='percentile'"
            )
        if self.jackknife is None:
            raise ValueError(
                f"method='bca' leaves out one row at a time, and this bootstrap is of {self.kind}: give "
                "method='percentile', or kind='rows' to bootstrap"
            )
        return self.jackknife()

    def confidence_intervals(self, level: float | None = None, method: str = "percentile") -> dict[str, PyTree]:
        """Return an interval for each parameter.

        Parameters
        ----------
        level : float, optional
            The share of samples in which the interval is to hold the true value; 0.95 by default.
        method : {"percentile", "basic", "bca"}
            "percentile" takes quantiles of the refits. "basic" mirrors them at the fit, and cuts the ends off at the
            bounds of the fit. "bca" corrects them for bias, and for a spread that changes with the parameter, from
            refits that leave out one row at a time.

        Returns
        -------
        dict
            (low, high) by name, laid out like the parameters, with low and high along a last axis; NaN for one that was
            held.

        Raises
        ------
        ValueError
            If the level or the method is unknown, or too few refits have converged.

        Notes
        -----
        Efron and Tibshirani, "An introduction to the bootstrap" (1993), chapters 13 and 14.
        """
        return laid_out(self.params, self.bounds(level, method).T, last=True)

    def bounds(self, level: float | None = None, method: str = "percentile") -> np.ndarray:
        """Return the ends of the intervals as an array of shape (2, parameters).

        Parameters
        ----------
        level, method
            As for `confidence_intervals`.

        Returns
        -------
        array of shape (2, parameters)
            The low and the high ends.
        """
        level = self.level if level is None else level
        is_number = isinstance(level, (int, float, np.integer, np.floating)) and not isinstance(level, bool)
        if not is_number or not 0 < level < 1:
            raise ValueError(f"level={quoted(level)}: give a share between 0 and 1, such as 0.95")
        if method not in METHODS:
            raise ValueError(f"method={quoted(method)}: give {', '.join(map(quoted, METHODS))}")
        ends = bca(self.flat, self.estimate, self.left_out, level) if method == "bca" else percentile(self.flat, level)
        if method == "basic":
            ends = 2 * self.estimate - ends[::-1]
            if self.limits is not None:
                ends = np.clip(ends, *self.limits)
        return ends if self.held is None else np.where(self.held, np.nan, ends)

    def to_frame(self, level: float | None = None, method: str = "percentile") -> pd.DataFrame:
        """Return the results as a pandas DataFrame with a row for each parameter.

        Parameters
        ----------
        level, method
            As for `confidence_intervals`.

        Returns
        -------
        pandas.DataFrame
            The estimate, the standard error, the bias, and the ends of the interval.
        """
        import pandas as pd

        low, high = self.bounds(level, method)
        columns = {
            "estimate": self.estimate,
            "standard error": np.sqrt(np.diag(self.covariance)),
            "bias": self._off(),
            "low": low,
            "high": high,
        }
        return pd.DataFrame(columns, index=list(self.names))

    def __str__(self) -> str:
        what = "rows drawn again" if self.kind == "rows" else "residuals drawn again"
        lines = [f"bootstrap: {len(self.flat):,} refits with {what}"]
        if self.failed:
            reasons = "; ".join(f"{count:,} {printable(reason)}" for reason, count in self.failed.items())
            lines[0] += f", and {sum(self.failed.values()):,} that failed: {reasons}"
        if self.was_stopped:
            lines[0] += "; stopped from the keyboard"
        if len(self.flat) < LEAST_REFITS:
            return lines[0]
        low, high = self.bounds()
        error = np.sqrt(np.diag(self.covariance))
        names = [printable(name, MOST_LETTERS) for name in self.names[:MOST_SHOWN]]
        width = max(10, *map(len, names))
        lines.append(f"  {'':>{width}}  {'estimate':>12}  {'± error':>9}  {self.level:.0%} of refits")
        for k, name in enumerate(names):
            if self.held is not None and self.held[k]:
                lines.append(f"  {name:>{width}}  {self.estimate[k]:>12.6g}  {'—':>9}  held at this value")
                continue
            lines.append(
                f"  {name:>{width}}  {self.estimate[k]:>12.6g}  {error[k]:>9.2g}  {low[k]:.6g} to {high[k]:.6g}"
            )
        if (left := len(self.names) - len(names)) > 0:
            lines.append(f"  {'…':>{width}}  and {left:,} more in standard_errors")
        if self.note:
            lines.append(f"  {self.note}")
        return "\n".join(lines)

    def __getstate__(self) -> dict[str, object]:
        """Leave out the function that makes other refits: it holds the rows, and code that no file can hold."""
        return self.__dict__ | {"jackknife": None}

    def __repr__(self) -> str:
        return f"Bootstrap({len(self.flat)} of {self.resamples} refits, kind={self.kind!r})"


def leaves(params: PyTree) -> list[PyTree]:
    """Return the arrays of parameters, in the order of their names."""
    if isinstance(params, Mapping):
        return [leaf for value in params.values() for leaf in leaves(value)]
    if isinstance(params, (list, tuple)):
        return [leaf for value in params for leaf in leaves(value)]
    return [params]


def flat_of(params: PyTree) -> np.ndarray:
    """Return parameters, flat, in the order of their names."""
    return np.concatenate([np.ravel(np.asarray(leaf, dtype=float)) for leaf in leaves(params)])


def laid_out(params: PyTree, flat: np.ndarray, last: bool = False) -> dict[str, PyTree]:
    """Return numbers for each parameter laid out like the parameters.

    The parameters lie along the last axis of `flat`, whose other axes come first in the result; with `last`, they lie
    along the first axis, and the other axes come last.
    """
    place = 0

    def taken(value: PyTree) -> PyTree:
        nonlocal place
        if isinstance(value, Mapping):
            return {name: taken(part) for name, part in value.items()}
        if isinstance(value, (list, tuple)):
            parts = [taken(part) for part in value]
            return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
        shape = np.shape(value)
        part = slice(place, place + int(np.prod(shape, dtype=int)))
        place = part.stop
        if last:
            return flat[part].reshape((*shape, *flat.shape[1:]))
        # A float instead of an array without axes.
        return flat[..., part].reshape((*flat.shape[:-1], *shape))[()]

    found: dict[str, PyTree] = taken(params)
    return found


def failures(reasons: Sequence[str]) -> dict[str, int]:
    """Return how often each reason occurs, the most frequent first."""
    counts = {reason: reasons.count(reason) for reason in dict.fromkeys(reasons)}
    return dict(sorted(counts.items(), key=lambda item: -item[1]))
