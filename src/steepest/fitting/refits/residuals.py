"""Residuals that are as large as the errors, to draw from."""

from __future__ import annotations

import numpy as np

from steepest.descent.covariance import Inverse, stacked
from steepest.fitting.refits.rank import free_of, rows_of, triangle_of
from steepest.fitting.resampling.bootstrap import flat_of
from steepest.fitting.result import Fit
from steepest.fitting.setup import FitSetup
from steepest.fitting.uncertainty.families import SQUARED
from steepest.fitting.uncertainty.reasons import MOST_PARAMETERS
from steepest.fitting.validation import LabelledRows
from steepest.models import Linear
from steepest.models.penalties import L2, ridge_of, scales_of

# A row whose leverage is as near to 1 has it but for rounding.
ALONE = 1e-10


def modified(setup: FitSetup, fit: Fit, residuals: np.ndarray) -> np.ndarray:
    """Return residuals as large as the errors, less their mean.

    A fit bends to its rows, so that residuals are smaller than the errors: those of a linear model by √(1 - h), with
    the leverage h of the row, and those of a curve by √(1 - p/n) on average. Rows of leverage 1 say nothing about their
    error, and are left out.

    Parameters
    ----------
    setup : FitSetup
        The set-up of the fit, whose rows have equal weights.
    fit : Fit
        The fit.
    residuals : array of shape (rows,)
        The targets less the predictions.

    Returns
    -------
    array
        The residuals to draw from.

    Notes
    -----
    Davison and Hinkley, "Bootstrap methods and their application" (1997), sections 6.2.3 and 7.3.
    """
    penalty, model = setup.problem.user_penalty, setup.options.model
    size = free_of(fit).size
    if isinstance(model, Linear) and (penalty is None or isinstance(penalty, L2)) and size <= MOST_PARAMETERS:
        left = 1 - leverages(fit, setup.rows, penalty)
        is_known = left > ALONE
        larger = residuals[is_known] / np.sqrt(left[is_known])
    else:
        degrees = fit.uncertainty(weights="precision").degrees
        if not np.isfinite(degrees):
            # Under an L1 penalty, the parameters that are not 0 count: Zou, Hastie and Tibshirani (2007).
            degrees = len(residuals) - int((free_of(fit) & (flat_of(fit.params) != 0)).sum())
        larger = residuals * np.sqrt(len(residuals) / max(degrees, 1))
    return np.asarray(larger - larger.mean())


def leverages(fit: Fit, rows: LabelledRows, l2: L2 | None) -> np.ndarray:
    """Return how much each prediction of a linear model with the squared loss follows the target of its row."""
    derived = rows_of(fit, rows, free_of(fit), scales_of(l2))
    factor, _ = derived.ridge
    # The objective is the mean square plus λ/2 ‖coef‖², or that of the scaled coefficients.
    penalty = np.sqrt(ridge_of(l2) * derived.weight.sum() / SQUARED.unit) * factor
    inverse = Inverse.of_triangle(stacked(triangle_of(derived), np.diag(penalty)))
    parts = [block.weight * ((block.J @ inverse.root) ** 2).sum(axis=1) for block in derived.blocks()]
    return np.concatenate(parts)
