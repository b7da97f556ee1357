"""Which parameters rows determine, by the rule of the standard errors."""

from __future__ import annotations

import numpy as np

from steepest.descent.covariance import Inverse, stacked
from steepest.fitting.result import Fit
from steepest.fitting.setup import FitSetup
from steepest.fitting.uncertainty.compute import LOOSE
from steepest.fitting.uncertainty.reasons import MOST_PARAMETERS, held
from steepest.fitting.uncertainty.rows import LinearRows
from steepest.fitting.validation import LabelledRows
from steepest.models import Linear, Multinomial


def free_of(fit: Fit) -> np.ndarray:
    """Return which parameters of a fit are free, flat: neither held at a value nor on a bound."""
    names = fit.parameter_names
    reasons = held(fit, names)
    return np.array([name not in reasons for name in names], dtype=bool)


def is_plain(setup: FitSetup) -> bool:
    """Return whether the rows alone must determine a linear model: no penalty, and columns that are the user's."""
    model = setup.options.model
    is_known = isinstance(model, Linear) and getattr(model, "map", None) is None
    return is_known and setup.problem.user_penalty is None


def undetermined(setup: FitSetup, fit: Fit) -> list[str]:
    """Return the names of the parameters of a fit that its rows do not determine."""
    if isinstance(setup.options.model, Linear):
        return loose(fit, setup.rows) if is_plain(setup) else []
    if setup.problem.user_penalty is not None:
        return []
    return [name for name, why in fit.uncertainty().reasons.items() if why == LOOSE]


def loose(fit: Fit, rows: LabelledRows) -> list[str]:
    """Return the names of the free parameters of a linear model that these rows do not determine.

    Parameters
    ----------
    fit : Fit
        The fit, which says what is free.
    rows : LabelledRows
        The rows.

    Returns
    -------
    list of str
        The names; none if there are too many parameters to tell.
    """
    free = free_of(fit)
    if free.size > MOST_PARAMETERS or not free.any():
        return []
    if isinstance(fit.model, Multinomial):
        free = np.ones(free.size, dtype=bool)
    derived = rows_of(fit, rows, free)
    inverse = Inverse.of_triangle(triangle_of(derived))
    names = [name for name, is_free in zip(fit.parameter_names, free, strict=True) if is_free]
    is_loose = inverse.undetermined(derived.to_user, derived.reach)
    return [name for name, unknown in zip(names, is_loose, strict=True) if unknown]


def rows_of(fit: Fit, rows: LabelledRows, free: np.ndarray, scales: np.ndarray | None = None) -> LinearRows:
    """Return rows with the derivatives of a linear model's outputs by its free parameters, and a penalty's scales."""
    assert isinstance(fit.model, Linear)
    y, weight = (np.asarray(part, dtype=float) for part in (rows.y, rows.weight))
    return LinearRows(fit.model, fit.params, fit.model.shaped(rows.X, fit.params), y, weight, free, scales)


def triangle_of(rows: LinearRows) -> np.ndarray:
    """Return the R of the QR decomposition of the weighted derivatives."""
    triangle: np.ndarray | None = None
    for block in rows.blocks():
        J = block.J.reshape(-1, block.J.shape[-1])
        weighted = np.sqrt(np.repeat(block.weight, len(J) // len(block.weight)))[:, None] * J
        triangle = stacked(weighted[:0] if triangle is None else triangle, weighted)
    assert triangle is not None
    return triangle
