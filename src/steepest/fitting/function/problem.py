"""A fit of the user's own function, as a problem for a solver."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from steepest.data.batches import AsTheyAre, Columns, Layout
from steepest.data.sparse.csr import is_sparse
from steepest.derivatives.bounds import Box
from steepest.derivatives.objective import Objective
from steepest.derivatives.structure import Calling, Structure, leaves_of
from steepest.descent.view import View
from steepest.fitting.function.held import Held
from steepest.fitting.function.hessian import undetermined
from steepest.fitting.function.residuals import ModelResiduals, residuals_of
from steepest.fitting.objective import ArrangedRows, objective_of
from steepest.fitting.result import Fit
from steepest.models import Custom
from steepest.models.losses import softmax
from steepest.models.penalties import L2
from steepest.trace import Event
from steepest.types import Array, Function, PyTree

# The most undetermined parameters that an event names.
MOST_NAMED = 8


@dataclass(frozen=True)
class CustomProblem:
    """A function ``model(X, *named)`` with its rows, its loss, its penalty, and the box of its parameters."""

    model: Custom
    X: np.ndarray
    start: dict[str, PyTree]
    loss: Function
    user_penalty: Function | None
    box: Box | None = None

    @classmethod
    def of(
        cls, model: Custom, X: np.ndarray, y: np.ndarray, start: PyTree, loss: Function, penalty: Function | None,
        held: Held,
    ) -> CustomProblem:  # fmt: skip
        """Call the model at its start, where it must return a prediction for each row."""
        if is_sparse(X):
            raise TypeError("X is sparse, and functions of your own take arrays: give X.toarray(), or models.Linear()")
        params, box = held.start_of(model, X, start)
        with np.errstate(all="ignore"):
            try:
                z = np.asarray(model(X, *params.values()))
            except Exception as error:
                error.add_note("raised by the model at the start")
                raise
            if z.dtype.kind not in "fiub":
                raise TypeError(f"the model returned {z.dtype} at the start: it must be one number a row")
            if loss is softmax:
                check_scores(z, y)
            elif z.shape != ():
                _check_rows("model", z, y)
            _check_rows("loss", np.asarray(loss(z, y)), y)
        return cls(model, X, params, loss, penalty, box)

    def columns(self) -> Columns:
        """Return the columns of the rows, unchanged."""
        return AsTheyAre(self.X)

    def total(self) -> Function:
        """Return the weighted sum of losses as a NumPy function of the parameters."""
        function, loss = self.model.function, self.loss

        def total(parameters: PyTree, X: Array, y: Array, weight: Array) -> Array:
            return (weight * loss(function(X, *parameters.values()), y)).sum()

        return total

    def penalty(self) -> Function | None:
        """Return the penalty as a function of the named parameters; the user's penalty takes them as one vector."""
        penalty = self.user_penalty
        if penalty is None:
            return None
        structure, _ = Structure.of(self.start)
        layout = structure.layout

        def penalized(parameters: PyTree) -> Array:
            return penalty(np.concatenate([np.ravel(leaf) for leaf in leaves_of(layout, parameters)]))

        return penalized

    def layout(self, size: int | None, shuffle: str | bool) -> Layout:
        """Return the layout of the rows in memory, for batches of a size."""
        return Layout.of(len(self.X), math.prod(self.X.shape[1:]), size, shuffle)

    def objective(self, rows: ArrangedRows, seed: int) -> tuple[Objective, Calling]:
        """Return the objective, and how its parameters are laid out."""
        return objective_of(self.total(), self.penalty(), self.start, rows, seed, self.box)

    def view(self, calling: Calling) -> View:
        """Return the view of points as named parameters."""
        return View(calling, calling.structure.names, "epoch")

    def residuals(self, objective: Objective, rows: ArrangedRows) -> tuple[ModelResiduals, Objective]:
        """Return the residuals, and the objective with the gradient and the audit that they offer."""
        penalty = self.user_penalty
        ridge = penalty.strength if isinstance(penalty, L2) else 0.0
        return residuals_of(self.model.function, self.start, rows, ridge, objective, self.box)

    def name_undetermined(self, fitted: Fit, residuals: ModelResiduals) -> None:
        """Add an event to the trace that names the parameters that the rows do not determine."""
        structure, _ = Structure.of(self.start)
        try:
            free = undetermined(residuals, structure.flatten(fitted.x, "the answer"), self.box)
        except Exception:  # noqa: BLE001 - the run is over, whatever the user's function raises now
            return
        names = [name for name, is_free in zip(structure.names, free, strict=True) if is_free]
        if names:
            shown = ", ".join(names[:MOST_NAMED]) + ", …" * (len(names) > MOST_NAMED)
            detail = f"the rows do not determine {shown}: other values fit equally well"
            fitted.trace.stored_events.append(Event(fitted.nit, "rank-deficient", detail))

    def annotate(self, fitted: Fit, y: np.ndarray, weight: np.ndarray) -> None:
        """Do nothing; linear models add remarks here."""


def check_scores(z: np.ndarray, y: np.ndarray) -> None:
    """Raise ValueError unless the outputs are one score per row and class."""
    if z.ndim != 2 or len(z) != len(y) or z.shape[1] <= y.max():
        raise ValueError(
            f"the model returned the shape {z.shape} for {len(y):,} rows: softmax needs one score per row and class, "
            f"and y has classes up to {y.max():g}"
        )


def _check_rows(what: str, values: np.ndarray, y: np.ndarray) -> None:
    if values.shape != y.shape:
        raise ValueError(
            f"the {what} returned the shape {values.shape} for {len(y):,} rows: it must be one number a row"
        )
