"""The strength of an L1 penalty, by fits to five folds along a path that begins where all coefficients are 0."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from steepest.activity import doing
from steepest.data.sparse.csr import is_sparse
from steepest.fitting.strength.choose import rounded, scored
from steepest.fitting.strength.columns import Directions
from steepest.fitting.strength.folds import COUNT, folds_of
from steepest.fitting.strength.newton import descend
from steepest.fitting.strength.record import FOLDS, StrengthPath
from steepest.fitting.strength.slopes import slopes_of
from steepest.models.frame import column_deviations
from steepest.models.losses import Loss
from steepest.models.penalties import L1, on_columns
from steepest.types import Array, PyTree, Rows

# How many strengths are tried, and down to which share of the first: half as many as glmnet's, which serve a picture.
STRENGTHS, LEAST = 25, 1e-3
# Each fold's fit ends within this share of its loss of the minimum, by its certificate: far below what tells two
# strengths apart.
TOLERANCE = 1e-5
# Strengths are compared on so many numbers at most, but on so many rows at least. Chosen, not measured.
MOST_NUMBERS, LEAST_ROWS = 2 * 10**6, 2_000


class Fitted(Protocol):
    """The fit of a fold."""

    @property
    def success(self) -> bool:
        """Whether it is certified to be near the minimum."""

    @property
    def params(self) -> PyTree:
        """The parameters."""


# Fits rows with their weights, with a penalty, from a start.
Fitter = Callable[[Rows, np.ndarray, np.ndarray, L1 | None, PyTree, float], Fitted]


def choose_l1(
    fit: Fitter, outputs: Callable[[Rows, PyTree], Array], loss: Loss, X: Rows, y: np.ndarray, weight: np.ndarray,
    classes: int = 0,
) -> StrengthPath:  # fmt: skip
    """Choose the strength of an L1 penalty on standardised columns, by the loss of rows in folds.

    No penalty is chosen if its score is within one standard error of the least, else the strength of the least.

    Parameters
    ----------
    fit : callable
        Fits a linear model: a function of rows, targets, weights, penalty, start and tolerance.
    outputs : callable
        Returns the outputs of rows at parameters.
    loss : Loss
        The loss.
    X : array or sparse array of shape (rows, columns)
        The rows.
    y, weight : array of shape (rows,)
        Their targets, and how often each row counts, above 0.
    classes : int
        The number of classes of softmax.

    Returns
    -------
    StrengthPath
        The scores, and the strength.
    """
    given, most = len(y), max(LEAST_ROWS, MOST_NUMBERS // max(X.shape[1], 1))
    if given > most:
        drawn = np.sort(np.random.default_rng(0).permutation(given)[:most])
        X, y, weight = X[drawn], y[drawn], weight[drawn]
    deviation = column_deviations(X, weight)
    strengths = tried(loss, X, y, weight, deviation, classes)
    head = X[:, : min(8, X.shape[1])]
    fold = folds_of((head.toarray() if is_sparse(head) else head).astype(float), y)
    table = np.full((len(strengths), len(y)), np.inf)
    for k in range(COUNT):
        held, rest = np.flatnonzero(fold == k), np.flatnonzero(fold != k)
        start = None
        doing("choosing the penalty", k, COUNT, "folds")
        for j, strength in enumerate(strengths if held.size and rest.size else ()):
            penalty = on_columns(L1(strength, scales="standard"), deviation) if strength else None
            fitted = fit(X[rest], y[rest], weight[rest], penalty, start, TOLERANCE)
            if not fitted.success:
                # Weaker penalties have no better end.
                break
            start = fitted.params
            with np.errstate(all="ignore"):
                table[j, held] = loss(np.asarray(outputs(X[held], start)), y[held])
    # Only the weights of the rows count here.
    rows = Directions(np.zeros((len(y), 0)), np.zeros(0), weight, 0)
    scores, errors, paired, chosen = scored(strengths, np.where(np.isfinite(table), table, np.inf), rows)
    # The best strength of a lasso falls with the root of the number of rows.
    share = (len(y) / given) ** 0.5
    return StrengthPath(
        strengths=np.array([rounded(s * share) for s in strengths]), scores=scores, errors=errors, paired=paired,
        chosen=rounded(chosen * share), method=FOLDS, rows=len(y), given=given, kind="l1",
    )  # fmt: skip


def tried(
    loss: Loss, X: Rows, y: np.ndarray, weight: np.ndarray, deviation: np.ndarray, classes: int
) -> np.ndarray:  # fmt: skip
    """Return the strengths to try, from that at which all coefficients are 0; the last is 0 if rows outnumber columns.

    Parameters
    ----------
    loss, X, y, weight, classes
        As for `choose_l1`.
    deviation : array of shape (columns,)
        The standard deviations of the columns.

    Returns
    -------
    array of shape (strengths,)
        The strengths.
    """
    slopes, one, share = slopes_of(loss, y, weight, classes), np.ones((len(y), 1)), weight / weight.sum()
    null = descend(slopes, one, y, weight, 0.0, np.zeros((1, slopes.outputs)))
    first = share[:, None] * slopes.first(null.z, y)
    steepest = np.abs(np.asarray(X.T @ first)).max(axis=1) / np.where(deviation > 0, deviation, np.inf)
    top = 1.01 * float(steepest.max(initial=0.0))
    if not top > 0:
        return np.zeros(1)
    path = [rounded(strength) for strength in np.geomspace(top, LEAST * top, STRENGTHS)]
    return np.array([*path, 0.0] if X.shape[1] + 1 < len(y) else path)
