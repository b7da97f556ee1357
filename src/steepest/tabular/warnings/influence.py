"""Rows that own the fit: without one of them the coefficients would be others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cho_solve, cholesky, eigh, solve_triangular
from scipy.special import expit

from steepest.finding import Finding
from steepest.models.losses import Loss
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
# The most rows for which the penalty is chosen anew without them.
MOST_CHOICES = 5
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


@dataclass(frozen=True, eq=False)
class _Step:
    """The weighted least squares that Newton's step from a fit solves; on columns of mean 0 the intercept has no part.

    Parameters
    ----------
    X : array of shape (rows, columns)
        The training rows.
    target : array of shape (rows,)
        The output of the fit plus residual / weight, less its mean.
    weights : array of shape (rows,) or (1,)
        The weight of each row in Fisher's information, the variance of its target up to a factor.
    centre, scale : array of shape (columns,)
        The weighted mean, and the deviation of each column; inf for a column that is constant.
    products : array of shape (columns, columns)
        The weighted products of each two columns, centred and scaled.
    known : bool
        Whether the loss gives the variance itself, not up to a factor.
    counts : bool
        Whether targets are counts, which may vary more than their mean says, but hardly less.
    """

    X: np.ndarray
    target: np.ndarray
    weights: np.ndarray
    centre: np.ndarray
    scale: np.ndarray
    products: np.ndarray
    known: bool
    counts: bool

    @property
    def total(self) -> float:
        """The sum of the weights."""
        return len(self.target) * float(self.weights.mean())

    @property
    def slopes(self) -> np.ndarray:
        """The weighted products of each column with the target."""
        weighted = self.weights * self.target
        return np.asarray((weighted @ self.X - weighted.sum() * self.centre) / self.scale)

    def curved(self, ridge: float) -> np.ndarray:
        """Return the products with a ridge; a column without variance gets a curvature, so that it plays no part."""
        return self.products + np.diag(np.where(self.scale < np.inf, ridge, 1.0))


@dataclass(frozen=True, eq=False)
class _Distances:
    """Cook's distance and the leverage of each row, and the variance of targets beside that of the loss."""

    distance: np.ndarray
    leverage: np.ndarray
    spread: float

    @property
    def far(self) -> np.ndarray:
        """The rows that own the fit, the farthest first."""
        if not self.distance.max() > FAR:
            return np.zeros(0, dtype=int)
        far = np.flatnonzero(self.distance > max(FAR, ABOVE_THE_REST * float(np.quantile(self.distance, 0.9))))
        return far[np.argsort(-self.distance[far], kind="stable")]


def rows_that_own_the_fit(fitted: FittedTable) -> Iterator[Finding]:
    """Yield a finding if the coefficients of a linear model hang on a few rows, by Cook's distance.

    With a penalty of any other kind than the chosen one, or within bounds, the distances are not known, and none is
    given. A row may also choose a penalty that draws all coefficients to 0, under which it has no leverage. So where a
    penalty was chosen, rows that are far without one are looked at, too: the penalty is then chosen anew without them.

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
        or (step := _newton_step(fitted)) is None
    ):
        return
    ridge = _ridge(fitted)
    under, free = _distances(step, ridge), _distances(step, 0.0) if ridge else None
    owners = [(row, under) for row in under.far.tolist()] if under else []
    if free:
        known = [row for row, _ in owners]
        others = [row for row in free.far.tolist() if row not in known][:MOST_CHOICES]
        owners += [(row, free) for row in others if _chooses(fitted, step, free.spread, row)]
    if not owners:
        return
    which, choosers = [fitted.row(row) for row, _ in owners], [fitted.row(row) for row, by in owners if by is free]
    row, by = owners[0]
    size = f"Cook's distance {by.distance[row]:.3g}, leverage {by.leverage[row]:.2g}"
    if by is free:
        size += ", both without a penalty"
    if len(which) == 1:
        title, look = "a row decides the fit", f"Look at {which[0]}: if it is wrong, correct or delete it."
        text = f"without {which[0]} of the table the coefficients would be others ({size})."
    else:
        title, look = (
            f"{len(which):,} rows decide the fit",
            "Look at these rows: if they are wrong, correct or delete them.",
        )
        text = f"without one of {listed(which)} the coefficients would be others ({which[0]}: {size})."
    if choosers:
        chose = "It" if len(which) == 1 else listed(choosers).capitalize()
        text += f" {chose} probably also chose the penalty."
    robust = " Otherwise loss='huber' (--loss huber) gives such rows less weight." * isinstance(fitted.loss, Squared)
    yield Finding("warning", title, text, look + robust)


def _ridge(fitted: FittedTable) -> float:
    """Return what the chosen penalty adds to the curvature of the loss along each scaled column."""
    chosen = 0.0 if fitted.fit.path is None else float(fitted.fit.path.chosen)
    return len(fitted.as_fitted) * chosen / (2 if isinstance(fitted.loss, Squared) else 1)


def _newton_step(fitted: FittedTable) -> _Step | None:
    """Return Newton's step from the fit; None if the loss has no weights or the fit is of another problem."""
    X, y, moments, loss = fitted.matrix, fitted.as_fitted, fitted.moments, fitted.loss
    path = fitted.fit.path
    if not isinstance(loss, (Squared, LogLoss, Poisson, Gamma)):
        return None
    coef = np.ravel(np.asarray(fitted.fit.params["coef"], dtype=float))
    if len(coef) != X.shape[1] or (path is not None and path.chosen and path.kind != "l2"):
        return None
    scale = np.where(moments.deviation > 0, moments.deviation, np.inf)
    z = X @ coef + float(np.ravel(fitted.fit.params["intercept"])[0])
    residuals, weights = _residuals_and_weights(loss, y, z)
    if weights.size > 1:
        centre = (weights @ X) / weights.sum()
        products = _products(X, weights, centre, scale)
    else:
        centre, products = moments.mean, moments.correlation * len(y)
    left_over = float(residuals.sum())
    shrunk = _ridge(fitted) * coef * np.where(scale < np.inf, scale, 0)
    gradient = (residuals @ X - left_over * centre) / scale - shrunk
    # Missing values, which no linear model takes, give no number here either.
    if not max(np.abs(gradient).max(), abs(left_over)) <= FINISHED * float(np.abs(residuals).sum()):
        return None
    target = z + np.divide(residuals, weights, out=np.zeros(len(y)), where=weights > 0)
    target -= float((weights * target).sum()) / (len(y) * float(weights.mean()))
    known = isinstance(loss, (LogLoss, Poisson))
    return _Step(X, target, weights, centre, scale, products, known, isinstance(loss, Poisson))


def _residuals_and_weights(loss: Loss, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the residuals at outputs z, and the weights of the rows, one for all if they are alike."""
    if isinstance(loss, LogLoss):
        mean = expit(z)
        return y - mean, mean * (1 - mean)
    if isinstance(loss, Poisson):
        mean = np.exp(z)
        return y - mean, mean
    return y / np.exp(z) - 1 if isinstance(loss, Gamma) else y - z, np.ones(1)


def _products(X: np.ndarray, weights: np.ndarray, centre: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Return the weighted products of each two columns, centred and scaled, by blocks of rows."""
    products, step = np.zeros((X.shape[1],) * 2), max(BLOCK // X.shape[1], 1)
    for start in range(0, len(X), step):
        block = X[start : start + step] - centre
        products += block.T @ (weights[start : start + step, None] * block)
    return products / scale / scale[:, None]


def _distances(step: _Step, ridge: float) -> _Distances | None:
    """Return Cook's distance of each training row under a ridge; None if the rows do not determine the coefficients."""
    try:
        lower = cholesky(step.curved(ridge), lower=True)
    except LinAlgError:
        return None
    if np.diag(lower).min() < DEPENDENT * np.diag(lower).max():
        # Rows do not determine the coefficients of columns that depend on each other.
        return None
    coef = cho_solve((lower, True), step.slopes) / step.scale
    to_white = solve_triangular(lower, np.diag(1 / step.scale), lower=True).T
    white = step.X @ to_white
    white -= step.centre @ to_white
    leverage = step.weights * (np.einsum("ij,ij->i", white, white) + 1 / step.total)
    pearson = step.weights * (step.target - (step.X @ coef - step.centre @ coef)) ** 2
    effective = float(leverage.sum())
    spread = 1.0
    if step.counts or not step.known:
        spread = float(pearson.sum()) / max(len(pearson) - effective, 1)
    if step.counts:
        spread = max(spread, 1.0)
    if not spread:
        return None
    distance = pearson * leverage / (np.maximum(1 - leverage, 1e-12) ** 2 * spread * effective)
    return _Distances(distance, leverage, spread)


def _chooses(fitted: FittedTable, step: _Step, spread: float, row: int) -> bool:
    """Return whether the coefficients would be far others if the penalty were chosen without a row.

    They are compared with those of the fit, and with those that the same choice gives for all rows.
    """
    path, scale = fitted.fit.path, np.where(step.scale < np.inf, step.scale, 0)
    assert path is not None
    ridges = path.strengths * (_ridge(fitted) / path.chosen)
    without = _by_cross_validation(step, ridges, row)
    ours = np.ravel(np.asarray(fitted.fit.params["coef"], dtype=float)) * scale
    moved = [without - coef for coef in (ours, _by_cross_validation(step, ridges, None))]
    return min(float(each @ step.products @ each) for each in moved) > FAR * spread * (1 + len(ours))


def _by_cross_validation(step: _Step, ridges: np.ndarray, without: int | None) -> np.ndarray:
    """Return the coefficients of scaled columns, with all rows or without one, at the best of some ridges.

    It is the best by generalised cross-validation (Golub, Heath and Wahba, 1979, Technometrics 21, 215-223).
    """
    products, slopes = step.curved(0.0), step.slopes
    rows, square = len(step.target), float((step.weights * step.target**2).sum())
    if without is not None:
        # What a row adds to products about the means.
        weight = float(np.broadcast_to(step.weights, rows)[without])
        share = weight * step.total / (step.total - weight)
        away, target = (step.X[without] - step.centre) / step.scale, float(step.target[without])
        products = products - share * np.outer(away, away)
        slopes = slopes - share * target * away
        rows, square = rows - 1, square - share * target**2
    values, vectors = eigh(products)
    # Along a direction without variance a ridge of 0 gives no coefficient.
    values, along = np.maximum(values, DEPENDENT**2 * values[-1]), vectors.T @ slopes
    coef = along / (values + ridges[:, None])
    left = square - 2 * coef @ along + coef**2 @ values
    effective = 1 + (values / (values + ridges[:, None])).sum(axis=1)
    return np.asarray(vectors @ coef[np.argmin(left / np.maximum(rows - effective, 1e-12) ** 2)])
