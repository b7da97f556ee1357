"""Validation rows: read or drawn, and the early stopping of a fit by their loss."""

from __future__ import annotations

import math
import numbers
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from steepest.data.arrays import read_features, read_target, read_weight
from steepest.data.batches import AsTheyAre, Layout
from steepest.data.sparse.csr import is_sparse
from steepest.derivatives.precision import compiled_code, precisely
from steepest.descent.early_stopping import EarlyStopping
from steepest.descent.view import View
from steepest.fitting.objective import ArrangedRows, objective_of
from steepest.fitting.result import Validation
from steepest.models import Custom, Linear, losses
from steepest.printable import quoted
from steepest.types import Array, Function, PyTree

# A fit stops after this many epochs without a lower validation loss: on all rows, and in batches, where an epoch makes
# many updates. Chosen, not measured: more epochs get over longer rises of the loss, and cost more.
PATIENCE, PATIENCE_IN_BATCHES = 10, 5


class LabelledRows(NamedTuple):
    """Rows of features, with their targets and weights."""

    X: np.ndarray
    y: np.ndarray
    weight: np.ndarray

    def at(self, rows: np.ndarray) -> LabelledRows:
        """Return some of the rows, by index or mask."""
        return LabelledRows(self.X[rows], self.y[rows], self.weight[rows])

    def weighted(self) -> LabelledRows:
        """Return the rows of a weight above 0; the others must not even choose a scale."""
        counts = self.weight > 0
        return self if counts.all() else self.at(counts)


def read_validation(
    validation: Validation, X: np.ndarray, names: list[str] | None, dtype: DTypeLike | None, gaps: bool = False
) -> float | LabelledRows | None:  # fmt: skip
    """Return the fraction of the rows to draw, or the given rows, checked like the training rows.

    Parameters
    ----------
    validation : float, (X, y), (X, y, weight) or None
        What the user gave.
    X : array
        The training rows.
    names : list of str or None
        The names of its columns.
    dtype : dtype or None
        The type to store rows in.
    gaps : bool
        Whether values may be missing.

    Returns
    -------
    float, LabelledRows or None
        A fraction between 0 and 1, or rows.

    Raises
    ------
    TypeError
        If it is neither a fraction nor rows.
    ValueError
        If the fraction is not between 0 and 1, or the rows do not match the training rows.
    """
    if validation is None:
        return None
    if isinstance(validation, numbers.Real) and not isinstance(validation, bool):
        if not 0 < float(validation) < 1:
            raise ValueError(
                f"validation={quoted(validation)}: give a fraction of the rows between 0 and 1, such as 0.2"
            )
        return float(validation)
    if not (isinstance(validation, (tuple, list)) and len(validation) in (2, 3)):
        kind = type(validation).__name__
        raise TypeError(f"validation is a {kind}: give a fraction of the rows such as 0.2, (X, y) or (X, y, weight)")
    features, y, *weight = validation
    if names and hasattr(features, "columns"):
        missing = [name for name in names if name not in map(str, features.columns)]
        if missing:
            raise ValueError(f"the X of validation lacks the column {quoted(missing[0])}, which X has")
        features = features[names]
    array, _ = read_features(features, dtype, "the X of validation", gaps)
    if array.shape[1:] != X.shape[1:]:
        raise ValueError(f"the X of validation has the shape {array.shape} and X has {X.shape}: give the same columns")
    rows = array.shape[0]
    target = read_target(y, rows, "the y of validation", "the X of validation")
    try:
        return LabelledRows(array, target, read_weight(weight[0] if weight else None, rows))
    except (TypeError, ValueError) as error:
        raise type(error)(str(error).replace("sample_weight", "the weight of validation")) from None


def check_validation_targets(loss: Function, held: LabelledRows, classes: int | None = None) -> None:
    """Raise ValueError if a loss does not take the targets for validation, or one is none of the classes of the fit."""
    try:
        losses.check_targets(loss, held.y)
    except ValueError as error:
        raise ValueError(f"in the rows for validation, {error}") from None
    if classes is not None and held.y.max() >= classes:
        raise ValueError(
            f"in the rows for validation, y has the class {held.y.max():g}, and that of the fit has none above "
            f"{classes - 1}: leave its rows out"
        )


def drawn(all_rows: LabelledRows, fraction: float, seed: int) -> tuple[LabelledRows, LabelledRows]:
    """Split rows into training rows and a random fraction for validation; both keep their order."""
    rows = len(all_rows.y)
    count = min(max(round(fraction * rows), 1), rows - 1)
    if not count:
        raise ValueError(
            f"validation={fraction:g}: there is only one row, which can't be split; give validation=(X, y)"
        )
    held = np.zeros(rows, dtype=bool)
    held[np.random.default_rng(seed).permutation(rows)[:count]] = True
    training, unseen = all_rows.at(~held), all_rows.at(held)
    for what, chosen in (("to learn from", training), ("for validation", unseen)):
        if not chosen.weight.any():
            raise ValueError(f"validation={fraction:g} leaves no row with a weight {what}: give validation=(X, y)")
    return training, unseen


def patience_of(batched: bool) -> int:
    """Return after how many epochs without a lower validation loss a fit stops."""
    return PATIENCE_IN_BATCHES if batched else PATIENCE


def early_stopping(
    model: Linear | Custom, loss: Function, held: LabelledRows, view: View, start: np.ndarray, batched: bool
) -> EarlyStopping:
    """Return the early stopping by the mean loss of the validation rows, without the penalty.

    The loss takes parameters in the user's units and the columns as they are, so points of the loop are mapped first.
    """
    params, X = view.point(start), model.shaped(held.X)

    def total(parameters: PyTree, X: Array, y: Array, weight: Array) -> Array:
        return (weight * loss(model(X, *parameters.values()), y)).sum()

    def plain(x: np.ndarray) -> float:
        mass = held.weight.sum()
        return float(precisely(lambda x: total(view.point(x), X, held.y, held.weight), x)) / mass

    patience = patience_of(batched)
    # Tracing compares the code with plain calls, so a plain call at the start must return a finite value.
    if is_sparse(X) or not math.isfinite(plain(start)):
        return EarlyStopping(plain, patience)
    layout = Layout.of(len(held.y), math.prod(X.shape[1:]), None, False)
    rows = ArrangedRows.arranged(layout, AsTheyAre(X), held.y, held.weight, 0)
    objective, _ = objective_of(total, None, params, rows, 0)
    compiled = objective.compiled
    if compiled is None:
        return EarlyStopping(lambda x: objective.value(view.rows(x)), patience)
    value = compiled.loop("value", lambda: lambda x, arrays: compiled.pure(x, arrays)[0])

    def mean(x: np.ndarray) -> float:
        with compiled_code():
            return float(value(view.rows(x), objective.arrays))

    return EarlyStopping(mean, patience)
