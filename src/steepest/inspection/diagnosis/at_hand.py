"""`RowsAtHand`: the rows that a fit learned from, as a diagnosis looks at them."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from steepest.inspection.protocol import BasisLike, FitLike
from steepest.statistics.moments import Moments

# The most numbers that are looked at; of a longer table rows are drawn. It keeps a diagnosis below half a second.
MOST_NUMBERS = 2 * 10**5
# Whatever explains much of the target shows in so many rows.
FEW = 2000
CLASSES = ("log loss", "softmax", "hinge", "squared hinge")


class RowsAtHand:
    """The rows that a fit learned from, or some of them, drawn without regard to their order.

    Parameters
    ----------
    fit : FitLike
        The fit.
    basis : BasisLike
        What it rests on.
    X : array of shape (rows, columns)
        The features of all rows, which with the targets and the numbers of the rows learnt are in `whole`.
    """

    def __init__(self, fit: FitLike, basis: BasisLike, X: np.ndarray) -> None:
        self.fit = fit
        numbers = np.flatnonzero(np.asarray(basis.learnt, dtype=bool))
        self.count = len(numbers)
        self.whole = X, np.asarray(basis.y, dtype=float), numbers
        self.is_flat = np.ndim(basis.X) == 1
        most = MOST_NUMBERS // max(X.shape[1], 1)
        if len(numbers) > most:
            numbers = np.sort(np.random.default_rng(0).choice(numbers, most, replace=False))
        self.numbers = numbers
        self.X, self.y = X[numbers], np.asarray(basis.y, dtype=float)[numbers]
        self.weight = np.asarray(basis.weight, dtype=float)[numbers]
        self.loss = str(getattr(basis.loss, "name", ""))
        self.is_penalised = basis.penalty is not None

    @classmethod
    def of(cls, fit: FitLike | None) -> RowsAtHand | None:
        """Return the rows of a fit; None if they are not in memory, or not dense numbers.

        Parameters
        ----------
        fit : FitLike or None
            The fit.

        Returns
        -------
        RowsAtHand or None
            The rows.
        """
        basis: Any = getattr(fit, "basis", None)
        if fit is None or basis is None or not getattr(basis, "intact", True):
            return None
        if not isinstance(basis.X, np.ndarray) or np.ndim(basis.y) != 1:
            return None
        X = basis.X[:, None] if basis.X.ndim == 1 else basis.X
        if X.ndim != 2 or X.dtype.kind not in "biuf" or not np.any(basis.learnt):
            return None
        return cls(fit, basis, X)

    @cached_property
    def names(self) -> list[str]:
        """The names of the columns, or their numbers in words."""
        known = self.fit.columns
        return [str(name) for name in known] if known else [f"column {k}" for k in range(self.X.shape[1])]

    @property
    def kind(self) -> str:
        """The kind of model: "linear", "network", "tree" or "own"."""
        model = self.fit.model
        for name in ("frame", "splits"):
            if hasattr(model, name):
                return "network" if name == "frame" else "tree"
        is_linear = isinstance(self.fit.params, dict) and "coef" in self.fit.params and "intercept" in self.fit.params
        return "linear" if is_linear and not hasattr(model, "function") else "own"

    @property
    def has_classes(self) -> bool:
        """Whether the targets are classes."""
        return self.loss in CLASSES

    @cached_property
    def moments(self) -> Moments:
        """The means, deviations and correlations of the columns."""
        return Moments.of(np.asarray(self.X, dtype=float))

    @cached_property
    def few(self) -> np.ndarray:
        """The indices of some of these rows, in order."""
        if len(self.y) <= FEW:
            return np.arange(len(self.y))
        return np.sort(np.random.default_rng(1).choice(len(self.y), FEW, replace=False))

    @cached_property
    def straight(self) -> float:
        """The part of the variance of the target that straight lines in the columns explain, in the `few` rows."""
        X, y = np.nan_to_num(np.asarray(self.X, dtype=float)[self.few]), self.y[self.few]
        rest, total = y - y.mean(), float(((y - y.mean()) ** 2).sum())
        if not total or X.shape[1] >= len(y) // 2:
            return 0.0
        spread = X.std(axis=0)
        Z = (X - X.mean(axis=0)) / np.where(spread > 0, spread, 1)
        values, vectors = np.linalg.eigh(Z.T @ Z)
        along = vectors.T @ (Z.T @ rest)
        kept = values > 1e-10 * max(values[-1], 1.0)
        return float((along[kept] ** 2 / values[kept]).sum()) / total

    @cached_property
    def is_linear_in_parameters(self) -> bool:
        """Whether the outputs of a model of the user's own are linear in its parameters, along the line to zero."""
        model: Any = self.fit.model
        if self.kind != "own" or not isinstance(self.fit.params, dict) or getattr(model, "is_native", True):
            return False
        X = self.X[self.few]
        X = X[:, 0] if self.is_flat else X
        params = [np.asarray(each, dtype=float) for each in self.fit.params.values()]
        try:
            with np.errstate(all="ignore"):
                nought, once, twice = (
                    np.asarray(model(X, *(factor * each for each in params)), dtype=float) for factor in (0.0, 1.0, 2.0)
                )
        except Exception:  # noqa: BLE001 - the user's model may raise anything
            return False
        return bool(np.abs(twice - 2 * once + nought).max() <= 1e-9 * np.abs(twice - nought).max())

    @cached_property
    def predicted(self) -> np.ndarray | None:
        """The predictions of the fit in the `few` rows; None if it has none."""
        predict = getattr(self.fit, "predict", None)
        if predict is None:
            return None
        try:
            with np.errstate(all="ignore"):
                X = self.X[self.few]
                # A model of the user's own expects rows of the shape that they were given in.
                found = np.asarray(predict(X[:, 0] if self.is_flat else X), dtype=float)
        except Exception:  # noqa: BLE001 - the user's model may raise anything
            return None
        return found if np.isfinite(found).all() else None
