"""Why a fit, or one of its parameters, has no errors."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from steepest.descent.view import View
from steepest.fitting.basis import CHANGED, NO_ROWS, Basis
from steepest.models import Custom, Linear, Network, Tree
from steepest.models.penalties import L2, kink_of
from steepest.printable import quoted
from steepest.trace import Outcome, Trace
from steepest.types import PyTree

# The most parameters of which a covariance is formed: 200 MB.
MOST_PARAMETERS = 5_000
# The words in the label of a fit that stopped early; a number comes before them.
EARLY = "standard errors before the minimum"
SIDES = {"low": "lower", "high": "upper"}
# Outcomes at whose points the loss has no minimum, with the reason.
NO_MINIMUM = {
    Outcome.NO_FINITE_OPTIMUM: "the loss has no finite minimum, so its curvature tells nothing: add a penalty such as "
    "penalties.L2(1e-3), or leave out the columns that the message of the fit names",
    Outcome.UNBOUNDED: "the loss falls without end, so that there is no minimum to be near",
    Outcome.DIVERGED: "the fit diverged",
    Outcome.SADDLE: "the fit ended at a saddle",
    Outcome.FLAT: "the fit ended where the loss is flat",
    Outcome.NON_FINITE: "the fit ended where the loss is not finite",
    Outcome.WRONG_GRADIENT: "the gradient of the fit is wrong",
    Outcome.RAISED: "the function of the fit raised an error",
}


class Fitted(Protocol):
    """The attributes of a fit that its uncertainty is computed from."""

    model: Linear | Custom | Network | Tree | None
    outcome: Outcome
    trace: Trace
    view: View | None

    @property
    def params(self) -> PyTree:
        """The fitted parameters."""

    @property
    def basis(self) -> Basis | None:
        """The loss, the penalty and the rows."""


def obstacle(fit: Fitted, size: int) -> str:
    """Return why a fit has no errors; "" if nothing speaks against them so far.

    Parameters
    ----------
    fit : Fit
        The fit.
    size : int
        The number of its parameters.

    Returns
    -------
    str
        A sentence without its full stop, or "".
    """
    model = fit.model
    if isinstance(model, (Network, Tree)):
        kind = "network" if isinstance(model, Network) else "tree"
        return (
            f"the parameters of a {kind} have no errors: very different ones predict alike, so that the curvature at "
            "one tells nothing about the others; judge it by rows that it has not learnt from"
        )
    if hasattr(fit, "fits"):
        return "this is one fit for each class, and its parts have errors: ask for those of fit.fits[0]"
    if fit.outcome in NO_MINIMUM:
        return NO_MINIMUM[fit.outcome]
    if getattr(model, "map", None) is not None:
        return "the coefficients are those of features of a kernel, made from the rows, and not of columns"
    if isinstance(model, Custom) and model.is_native:
        return (
            "the parameters are those of a network of your own, and very different ones predict alike: for a curve, "
            "write the model as function(X, *parameters) with NumPy"
        )
    basis = fit.basis
    if basis is None or model is None:
        return _rowless(fit)
    if not basis.intact:
        return f"X {CHANGED}"
    if size > MOST_PARAMETERS:
        return f"the covariance of {size:,} parameters is a matrix of {size**2:,} numbers: at most {MOST_PARAMETERS:,}"
    if kink_of(basis.penalty):
        return (
            "an L1 penalty sets parameters to exactly 0, and their estimates are not normal around the truth, nor are "
            "those of refits to rows drawn with replacement: refit the columns that it kept without a penalty, on "
            "other rows"
        )
    if basis.penalty is not None and not isinstance(basis.penalty, L2):
        return f"penalty={quoted(basis.penalty)} is a function of your own, and errors are known for penalties.L2 alone"
    return ""


def _rowless(fit: Fitted) -> str:
    """Return why the rows are not at hand, and what to do."""
    if getattr(getattr(fit, "resumable", None), "record", {}).get("why") == NO_ROWS:
        return (
            "the estimator has not kept the rows, because it made several fits or was copied by pickle: give the rows "
            "and the targets of one fit to st.fit"
        )
    return (
        "the rows are not at hand, because the fit was loaded or its rows came as a stream: fit the rows again, or "
        "save a fit whose errors were computed"
    )


def held(fit: Fitted, names: tuple[str, ...]) -> dict[str, str]:
    """Return why single parameters have no error: they were held at a value, or ended on a bound.

    Parameters
    ----------
    fit : Fit
        The fit.
    names : tuple of str
        The names of all parameters, in order.

    Returns
    -------
    dict
        The reasons by the names of the parameters.
    """
    params = fit.params if isinstance(fit.params, dict) else {}
    sizes = {name: np.size(value) for name, value in params.items()}
    # The name of each number's parameter, for parameters that are arrays.
    owners = [name for name, size in sizes.items() for _ in range(size)] if sum(sizes.values()) == len(names) else names
    fixed, bounds = getattr(fit, "fixed", {}), getattr(fit, "at_bound", {})
    known = {
        name: "held at this value" for name, owner in zip(names, owners, strict=True) if name in fixed or owner in fixed
    }
    at_bound = {
        name: f"on its {SIDES[side]} bound, where an estimate is not normal around the truth; the errors of the others "
        "are those with it held there"
        for name, side in bounds.items()
    }
    return at_bound | known
