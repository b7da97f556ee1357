"""Rows that own the fit: without one of them the coefficients would be others."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, solve_triangular

from steepest.finding import Finding
from steepest.models.losses.smooth import Gamma, LogLoss, Poisson, Squared
from steepest.tabular.method import has_coefficients
from steepest.tabular.warnings.fitted import FittedTable
from steepest.tabular.warnings.words import listed

# Cook's distance of a row that owns the fit: without it the coefficients move to the border of a region that holds them
# with 50 % confidence (Cook, 1977, Technometrics 19, 15-18).
FAR = 1.0
# It must also be so many times that of the row at 90 %, as in short tables many rows are far.
ABOVE_THE_REST = 30.0
# Fewer training rows than this for each column are all influential.
ROWS_PER_COLUMN = 5
# The most columns, and the most products of two numbers, for which the leverages are computed.
MOST_COLUMNS, MOST_PRODUCTS = 500, 4e9
# The rows of a block.
BLOCK = 2**17
# Up to this part of its terms the gradient of a finished fit differs from 0.
FINISHED = 1e-3


def rows_that_own_the_fit(fitted: FittedTable) -> Iterator[Finding]:
    """Yield a finding if the coefficients of a linear model hang on a few rows, by Cook's distance.

    With a penalty of any other kind than the chosen one, or within bounds, the distances are not known, and none is
    given.

    Parameters
    ----------
    fitted : FittedTable
        The table and its fit.

    Yields
    ------
    Finding
        One at most.
    """
    rows, columns = fitted.matrix.shape
    if (
        not has_coefficients(fitted.fit.model)  # type: ignore[arg-type]
        or columns > MOST_COLUMNS
        or rows < ROWS_PER_COLUMN * (columns + 1)
        or rows * columns**2 > MOST_PRODUCTS
        or (found := _distances(fitted)) is None
    ):
        return
    distance, leverage = found
    limit = max(FAR, ABOVE_THE_REST * float(np.quantile(distance, 0.9)))
    owners = np.flatnonzero(distance > limit)
    if not owners.size:
        return
    owners = owners[np.argsort(-distance[owners], kind="stable")]
    first = int(owners[0])
    size = f"Cook's distance {distance[first]:.3g}, leverage {leverage[first]:.2g}"
    which = [fitted.row(k) for k in owners.tolist()]
    if len(owners) == 1:
        title, look = "a row decides the fit", f"Look at {which[0]}: if it is wrong, correct or delete it."
        text = f"without {which[0]} of the table the coefficients would be others ({size})."
    else:
        title, look = (
            f"{len(owners):,} rows decide the fit",
            "Look at these rows: if they are wrong, correct or delete them.",
        )
        text = f"without one of {listed(which)} the coefficients would be others ({which[0]}: {size})."
    robust = " Otherwise loss='huber' (--loss huber) gives such rows less weight." * isinstance(fitted.loss, Squared)
    yield Finding("warning", title, text, look + robust)


def _distances(fitted: FittedTable) -> tuple[np.ndarray, np.ndarray] | None:
    """Return Cook's distance and the leverage of each training row; None if they are not known."""
    X, y, moments, loss = fitted.matrix, fitted.y, fitted.moments, fitted.loss
    path = fitted.fit.path
    if not isinstance(loss, (Squared, LogLoss, Poisson, Gamma)) or np.isnan(moments.mean).any():
        return None
    coef = np.ravel(np.asarray(fitted.fit.params["coef"], dtype=float))
    varying = np.flatnonzero(moments.deviation > 0)
    if len(coef) != X.shape[1] or not varying.size or (path is not None and path.chosen and path.kind != "l2"):
        return None
    rows, scale = len(y), moments.deviation[varying]
    z = X @ coef + float(np.ravel(fitted.fit.params["intercept"])[0])
    # Residuals r and weights w of Newton's steps, and the variance of a target up to a factor.
    if isinstance(loss, Squared):
        r, w, variance = y - z, np.ones(rows), np.ones(rows)
    elif isinstance(loss, LogLoss):
        mean = 1 / (1 + np.exp(-z))
        r, w = y - mean, mean * (1 - mean)
        variance = w
    else:
        mean = np.exp(z)
        r, w, variance = (
            (y - mean, mean, mean) if isinstance(loss, Poisson) else (y / mean - 1, y / mean, np.ones(rows))
        )
    ridge = (path.chosen if path is not None else 0.0) / (2 if isinstance(loss, Squared) else 1)
    hessian, gradient, size = np.zeros((len(varying) + 1,) * 2), np.zeros(len(varying) + 1), 0.0
    step = max(BLOCK // X.shape[1], 1)

    def block(start: int) -> np.ndarray:
        Z = (X[start : start + step][:, varying] - moments.mean[varying]) / scale
        return np.column_stack([np.ones(len(Z)), Z])

    for start in range(0, rows, step):
        Z, part = block(start), slice(start, start + step)
        hessian += Z.T @ (w[part, None] * Z)
        gradient += Z.T @ r[part]
        size += float(np.abs(r[part]).sum())
    inner = np.diag_indices(len(hessian))
    penalty = np.r_[0.0, np.full(len(varying), rows * ridge)]
    hessian[inner] += penalty
    gradient -= penalty * np.r_[0.0, coef[varying] * scale]
    if np.abs(gradient).max() > FINISHED * size:
        return None
    try:
        factor = cho_factor(hessian, lower=True)
    except LinAlgError:
        return None
    if np.abs(np.diag(factor[0])).min() < 1e-7 * np.abs(np.diag(factor[0])).max():
        # Of columns that depend on each other the coefficients are not determined by any row.
        return None
    leverage = np.empty(rows)
    for start in range(0, rows, step):
        half = solve_triangular(factor[0], block(start).T, lower=True, check_finite=False)
        leverage[start : start + step] = np.einsum("ij,ij->j", half, half)
    leverage *= w
    effective = float(leverage.sum())
    spread = 1.0
    pearson = r**2 / variance
    if not isinstance(loss, (LogLoss, Poisson)):
        spread = float(pearson.sum()) / max(rows - effective, 1)
    if not spread:
        return None
    left = np.maximum(1 - leverage, 1e-12)
    return pearson * leverage / (left**2 * spread * effective), leverage
