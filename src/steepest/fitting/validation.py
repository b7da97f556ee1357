"""Rows to hold a fit against while it learns from others, given or drawn."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from steepest.data.arrays import read_features, read_target, read_weight
from steepest.data.batches import AsTheyAre, Layout
from steepest.data.sparse.csr import is_sparse
from steepest.derivatives.precision import compiled_code, precisely
from steepest.descent.early_stopping import EarlyStopping
from steepest.descent.view import View
from steepest.fitting.objective import Rows, objective_of

# For how many epochs the validation loss may stay as it is.
PATIENCE, PATIENCE_IN_BATCHES = 10, 5


class LabelledRows(NamedTuple):
    """Features, targets and weights, a row each."""

    X: np.ndarray
    y: np.ndarray
    weight: np.ndarray

    def at(self, rows: np.ndarray) -> LabelledRows:
        """Return some of the rows."""
        return LabelledRows(self.X[rows], self.y[rows], self.weight[rows])


def read_validation(validation: Any, X: np.ndarray, names: list[str] | None, dtype: Any) -> float | LabelledRows | None:
    """Return the part of the rows to draw, or the rows that were given, checked as those to learn from are.

    Parameters
    ----------
    validation : float, (X, y), (X, y, weight) or None
        What the user gave.
    X : array
        The rows to learn from.
    names : list of str or None
        The names of its columns.
    dtype : dtype or None
        What to hold rows in.

    Returns
    -------
    float, LabelledRows or None
        A part between 0 and 1, or rows.

    Raises
    ------
    TypeError
        If it is of another kind.
    ValueError
        If the part is none, or the rows are not like those to learn from.
    """
    if validation is None:
        return None
    if isinstance(validation, numbers.Real) and not isinstance(validation, bool):
        if not 0 < float(validation) < 1:
            raise ValueError(f"validation={validation!r}: give a part of the rows between 0 and 1, such as 0.2")
        return float(validation)
    if not (isinstance(validation, (tuple, list)) and len(validation) in (2, 3)):
        kind = type(validation).__name__
        raise TypeError(f"validation is a {kind}: give a part of the rows such as 0.2, (X, y) or (X, y, weight)")
    features, y, *weight = validation
    if names and hasattr(features, "columns"):
        missing = [name for name in names if name not in map(str, features.columns)]
        if missing:
            raise ValueError(f"the X of validation lacks the column {missing[0]!r}, which X has")
        features = features[names]
    array, _ = read_features(features, dtype, "the X of validation")
    if array.shape[1:] != X.shape[1:]:
        raise ValueError(f"the X of validation has the shape {array.shape} and X has {X.shape}: give the same columns")
    rows = array.shape[0]
    target = read_target(y, rows, "the y of validation", "the X of validation")
    try:
        return LabelledRows(array, target, read_weight(weight[0] if weight else None, rows))
    except (TypeError, ValueError) as error:
        raise type(error)(str(error).replace("sample_weight", "the weight of validation")) from None


def drawn(all_rows: LabelledRows, part: float, seed: int) -> tuple[LabelledRows, LabelledRows]:
    """Return the rows to learn from, and a part of all to hold them against; both keep their order."""
    rows = len(all_rows.y)
    count = min(max(round(part * rows), 1), rows - 1)
    if not count:
        raise ValueError(f"validation={part:g}: there is one row, which can't be shared out; give validation=(X, y)")
    held = np.zeros(rows, dtype=bool)
    held[np.random.default_rng(seed).permutation(rows)[:count]] = True
    learnt, unseen = all_rows.at(~held), all_rows.at(held)
    for what, chosen in (("to learn from", learnt), ("for validation", unseen)):
        if not chosen.weight.any():
            raise ValueError(f"validation={part:g} leaves no row with a weight {what}: give validation=(X, y)")
    return learnt, unseen


def early_stopping(
    model: Any, loss: Callable[..., Any], held: LabelledRows, view: View, start: np.ndarray, batched: bool
) -> EarlyStopping:
    """Return the mean loss of the rows held back at a point of the loop's, and how long it may stay as it is.

    It is that of the parameters in the user's units on the columns as they are, without the penalty.
    """
    params, X = view.point(start), model.shaped(held.X)

    def total(parameters: Any, X: Any, y: Any, weight: Any) -> Any:
        return (weight * loss(model(X, *parameters.values()), y)).sum()

    def plain(x: np.ndarray) -> float:
        mass = held.weight.sum()
        return float(precisely(lambda x: total(view.point(x), X, held.y, held.weight), x)) / mass

    patience = PATIENCE_IN_BATCHES if batched else PATIENCE
    # Code is traced and held against plain calls where those are finite.
    if is_sparse(X) or not math.isfinite(plain(start)):
        return EarlyStopping(plain, patience)
    layout = Layout.of(len(held.y), math.prod(X.shape[1:]), None, False)
    rows = Rows.arranged(layout, AsTheyAre(X), held.y, held.weight, 0)
    objective, _ = objective_of(total, None, params, rows, 0)
    compiled = objective.compiled
    if compiled is None:
        return EarlyStopping(lambda x: objective.value(view.rows(x)), patience)
    value = compiled.loop("value", lambda: lambda x, arrays: compiled.pure(x, arrays)[0])

    def mean(x: np.ndarray) -> float:
        with compiled_code():
            return float(value(view.rows(x), objective.arrays))

    return EarlyStopping(mean, patience)
