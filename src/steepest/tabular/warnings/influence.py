"""Rows that own the fit: without one of them the coefficients would be others."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.linalg import eigh
from scipy.special import expit

from steepest.finding import Finding
from steepest.models.losses import Loss
from steepest.models.losses.smooth import Gamma, LogLoss, Poisson, Squared
from steepest.printable import listed
from steepest.statistics.influence import DEPENDENT, FAR, WeightedStep, cooks_distances, weighted_products
from steepest.tabular.method import has_coefficients
from steepest.tabular.warnings.fitted import FittedTable

# The most rows for which the penalty is chosen anew without them.
MOST_CHOICES = 5
# Fewer training rows than this for each column are all influential.
ROWS_PER_COLUMN = 5
# The most columns, and the most products of two numbers, for which the leverages are computed.
MOST_COLUMNS, MOST_PRODUCTS = 500, 4e9
# Up to this part of its terms the gradient of a finished fit differs from 0.
FINISHED = 1e-3


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
    under, free = cooks_distances(step, ridge), cooks_distances(step, 0.0) if ridge else None
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


def _newton_step(fitted: FittedTable) -> WeightedStep | None:
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
        products = weighted_products(X, weights, centre, scale)
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
    return WeightedStep(X, target, weights, centre, scale, products, known, isinstance(loss, Poisson))


def _residuals_and_weights(loss: Loss, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the residuals at outputs z, and the weights of the rows, one for all if they are alike."""
    if isinstance(loss, LogLoss):
        mean = expit(z)
        return y - mean, mean * (1 - mean)
    if isinstance(loss, Poisson):
        mean = np.exp(z)
        return y - mean, mean
    return y / np.exp(z) - 1 if isinstance(loss, Gamma) else y - z, np.ones(1)


def _chooses(fitted: FittedTable, step: WeightedStep, spread: float, row: int) -> bool:
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


def _by_cross_validation(step: WeightedStep, ridges: np.ndarray, without: int | None) -> np.ndarray:
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
