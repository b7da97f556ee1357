"""Fits without an intercept: the rows and their mirror images, whose best intercept is 0.

Each of the losses here is symmetric: a row (x, y) costs as much at z as its mirror image (-x, y') costs at -z, where
y' is -y or the other class. So the mean loss over rows and images is that over the rows if the intercept b is 0. It is
the same at b and -b, and convex, so it is least at b = 0. Any solver then finds the fit without an intercept.

The images are no data: what the fit says about its rows is to be said of the rows alone, with the intercept held at 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from steepest.fitting.basis import Basis
from steepest.fitting.resampling.bootstrap import Bootstrap
from steepest.fitting.result import Fit, GivenRows, Limits, Resumable
from steepest.fitting.uncertainty.answer import Ends, Uncertainty
from steepest.models import losses
from steepest.types import Callback, Function, Json, Rows, Seed

# How the target of a row's mirror image follows from that of the row, for each symmetric loss.
IMAGES: dict[type, Callable[[np.ndarray], np.ndarray]] = {
    type(losses.squared): np.negative,
    type(losses.absolute): np.negative,
    losses.Huber: np.negative,
    losses.EpsilonInsensitive: np.negative,
    type(losses.log_loss): lambda y: 1 - y,
    type(losses.hinge): lambda y: 1 - y,
    type(losses.squared_hinge): lambda y: 1 - y,
}


def check_symmetric(loss: Function, is_linear: bool) -> None:
    """Raise if a fit can't leave out the intercept.

    Parameters
    ----------
    loss : callable
        The loss.
    is_linear : bool
        Whether the model is linear in the columns.

    Raises
    ------
    ValueError
        If the model is not linear in the columns, or the loss is not symmetric.
    """
    if not is_linear:
        raise ValueError(
            "fit_intercept=False is for models that are linear in the columns: "
            "leave the intercept out of your own function, and fit_intercept= out here"
        )
    if type(loss) not in IMAGES:
        name = f"the {loss.name} loss" if isinstance(loss, losses.Loss) else "a loss of your own"
        raise ValueError(
            f"fit_intercept=False does not support {name}: use st.fit with a function such as lambda X, w: X @ w, "
            "or a loss for numbers or two classes that is symmetric, such as squared, absolute, huber or hinge"
        )


def with_images(X: Rows, target: np.ndarray, weight: np.ndarray, loss: Function) -> tuple[Rows, np.ndarray, np.ndarray]:
    """Return the rows and their mirror images, with targets and weights.

    Parameters
    ----------
    X : array or sparse array of shape (rows, columns)
        The rows.
    target, weight : array of shape (rows,)
        Their targets and weights.
    loss : Loss
        The loss, which must be symmetric.

    Returns
    -------
    array or sparse array, array, array
        Twice as many rows, targets and weights.

    Examples
    --------
    >>> with_images(np.array([[2.0]]), np.array([3.0]), np.ones(1), losses.squared)[:2]
    (array([[ 2.],
           [-2.]]), array([ 3., -3.]))
    """
    both = sparse.vstack([X, -X], format="csr") if sparse.issparse(X) else np.concatenate([X, -X])
    return both, np.append(target, IMAGES[type(loss)](target)), np.append(weight, weight)


@dataclass(frozen=True)
class ThroughOrigin:
    """The state of a fit to rows and images, which knows that the images are no data.

    Attributes
    ----------
    inner : Resumable
        The state of the fit to rows and images.
    again : callable
        Returns the same fit, made of the rows alone with the intercept held at 0. That takes longer, because such a fit
        has code of its own to compile.
    """

    inner: Resumable
    again: Callable[[], Fit] = field(repr=False)

    @cached_property
    def held(self) -> Any:
        """The state of the fit to the rows alone."""
        return self.again().resumable

    def basis(self) -> Basis | None:
        """Return the loss, the penalty and the rows, without the images."""
        basis = self.inner.basis()
        if basis is None:
            return None
        rows = len(basis.y) // 2
        return basis._replace(
            X=basis.X[:rows], y=basis.y[:rows], weight=basis.weight[:rows], learnt=basis.learnt[:rows]
        )

    def more(self, fit: Fit, rows: GivenRows, how: Limits, callback: Callback | None, progress: bool | None) -> Fit:
        """Continue with the rows and their images."""
        return through_origin(self.inner.more(fit, rows, how, callback, progress), self.again)

    def saved(self) -> tuple[dict[str, Json], dict[str, np.ndarray]]:
        """Return the state of the fit to rows and images."""
        return self.inner.saved()

    def bootstrap(self, fit: Fit, resamples: int, kind: str, rng: Seed, progress: bool | None) -> Bootstrap:
        """Refit the model to rows that are drawn without images."""
        found: Bootstrap = self.held.bootstrap(fit, resamples, kind, rng, progress)
        return found

    def profile(self, uncertainty: Uncertainty, level: float) -> Ends:
        """Return the profile intervals, by refits with the intercept held."""
        ends: Ends = self.held.profile(uncertainty, level)
        return ends


def through_origin(fitted: Fit, again: Callable[[], Fit]) -> Fit:
    """Return a fit to rows and images as one to the rows alone, whose intercept was held at 0.

    Parameters
    ----------
    fitted : Fit
        The fit to rows and images; its intercept is within rounding errors of 0.
    again : callable
        Returns the same fit to the rows alone.

    Returns
    -------
    Fit
        The same object.
    """
    fitted.params["intercept"] = np.float64(0.0)
    fitted.fixed = {"intercept": 0.0}
    if fitted.resumable is not None:
        fitted.resumable = ThroughOrigin(fitted.resumable, again)
    return fitted
