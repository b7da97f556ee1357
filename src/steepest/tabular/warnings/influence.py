"""Rows that own the fit: without one of them the coefficients would be others."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.linalg import LinAlgError, cholesky, solve_triangular
from scipy.special import expit

from steepest.finding import Finding
from steepest.models.losses.smooth import Gamma, LogLoss, Poisson, Squared
from steepest.tabular.method import has_coefficients
from steepest.tabular.warnings.fitted import FittedTable
from steepest.tabular.warnings.words import listed

# Cook's distance of a row that owns the fit: without it the coefficients move to the border of a region that holds them
# with 50 % confidence (Cook, 1977, Technometrics 19, 15-18).
FAR = 1.0
# It must also be so many times that of the row at 90 %, as in short tables many rows are far. Then none of 9,000 tables
# of normal columns and errors, with 12 to 1,000 rows, had such a row; 10 % of those of 20 rows had one beyond `FAR`.
ABOVE_THE_REST = 30.0
# Fewer training rows than this for each column are all influential.
ROWS_PER_COLUMN = 5
# The most columns, and the most products of two numbers, for which the leverages are computed.
MOST_COLUMNS, MOST_PRODUCTS = 500, 4e9
# The numbers of a block, so that its copy stays in the caches of a processor.
BLOCK = 2**17
# Up to this part of its terms the gradient of a finished fit differs from 0.
FINISHED = 1e-3
# Columns depend on each other if this part or less of one is left beside the others.
DEPENDENT = 1e-6


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
    if not distance.max() > FAR:
        return
    owners = np.flatnonzero(distance > max(FAR, ABOVE_THE_REST * float(np.quantile(distance, 0.9))))
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
    X, y, moments, loss = fitted.matrix, fitted.as_fitted, fitted.moments, fitted.loss
    path = fitted.fit.path
    if not isinstance(loss, (Squared, LogLoss, Poisson, Gamma)):
        return None
    coef = np.ravel(np.asarray(fitted.fit.params["coef"], dtype=float))
    if len(coef) != X.shape[1] or (path is not None and path.chosen and path.kind != "l2"):
        return None
    rows, scale = len(y), np.where(moments.deviation > 0, moments.deviation, np.inf)
    z = X @ coef + float(np.ravel(fitted.fit.params["intercept"])[0])
    # Residuals r, and the variance of a target up to a factor, which is the weight of a row in Fisher's information.
    r, w = y - z, np.ones(1)
    if isinstance(loss, LogLoss):
        mean = expit(z)
        r, w = y - mean, mean * (1 - mean)
    elif isinstance(loss, (Poisson, Gamma)):
        mean = np.exp(z)
        r, w = (y - mean, mean) if isinstance(loss, Poisson) else (y / mean - 1, w)
    # On columns of mean 0 the intercept has no part in the other coefficients.
    total = rows * float(w.mean())
    if w.size > 1:
        centre = (w @ X) / total
        products = _products(X, w, centre, scale)
    else:
        centre, products = moments.mean, moments.correlation * rows
    ridge = rows * (path.chosen if path is not None else 0.0) / (2 if isinstance(loss, Squared) else 1)
    left_over = float(r.sum())
    gradient = (r @ X - left_over * centre) / scale - ridge * coef * np.where(scale < np.inf, scale, 0)
    # Missing values, which no linear model takes, give no number here either.
    if not max(np.abs(gradient).max(), abs(left_over)) <= FINISHED * float(np.abs(r).sum()):
        return None
    # A column without variance gets a curvature, so that it plays no part.
    products[np.diag_indices(len(coef))] += np.where(scale < np.inf, ridge, 1.0)
    try:
        lower = cholesky(products, lower=True)
    except LinAlgError:
        return None
    if np.diag(lower).min() < DEPENDENT * np.diag(lower).max():
        # Rows do not determine the coefficients of columns that depend on each other.
        return None
    to_white = solve_triangular(lower, np.diag(1 / scale), lower=True).T
    white = X @ to_white
    white -= centre @ to_white
    leverage = w * (np.einsum("ij,ij->i", white, white) + 1 / total)
    effective, pearson = float(leverage.sum()), r**2 / w
    spread = 1.0 if isinstance(loss, (LogLoss, Poisson)) else float(pearson.sum()) / max(rows - effective, 1)
    if not spread:
        return None
    return pearson * leverage / (np.maximum(1 - leverage, 1e-12) ** 2 * spread * effective), leverage


def _products(X: np.ndarray, weights: np.ndarray, centre: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Return the weighted products of each two columns, centred and scaled, by blocks of rows."""
    products, step = np.zeros((X.shape[1],) * 2), max(BLOCK // X.shape[1], 1)
    for start in range(0, len(X), step):
        block = X[start : start + step] - centre
        products += block.T @ (weights[start : start + step, None] * block)
    return products / scale / scale[:, None]
