"""A function of the user's as a problem for the loop: descended as it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from steepest.data.batches import AsTheyAre, Columns
from steepest.derivatives.objective import Objective, leaves_of
from steepest.derivatives.structure import Calling, Structure
from steepest.descent.engine import Engine
from steepest.descent.least_squares import LeastSquares
from steepest.descent.view import View
from steepest.fitting.problem import Rows
from steepest.fitting.residuals import residuals_of
from steepest.fitting.result import Fit
from steepest.models import Custom
from steepest.models.penalties import L2

Function = Callable[..., Any]


@dataclass(frozen=True)
class CustomProblem:
    """A function ``model(X, *named)`` on its rows."""

    model: Custom
    X: np.ndarray
    start: dict[str, Any]
    loss: Function
    user_penalty: Function | None

    @classmethod
    def of(
        cls, model: Custom, X: np.ndarray, y: np.ndarray, start: Any, loss: Function, penalty: Function | None
    ) -> CustomProblem:
        """Try the model at its start: it must return a prediction for each row."""
        params = model.start(X, start)
        Structure.of(params)
        with np.errstate(all="ignore"):
            try:
                z = np.asarray(model(X, *params.values()))
            except Exception as error:
                error.add_note("raised by the model at the start")
                raise
            if z.shape != ():
                _check_rows("model", z, y)
            _check_rows("loss", np.asarray(loss(z, y)), y)
        return cls(model, X, params, loss, penalty)

    def columns(self) -> Columns:
        """Return the columns that the loop sees."""
        return AsTheyAre(self.X)

    def total(self) -> Function:
        """Return the weighted sum of losses as NumPy code of the parameters."""
        function, loss = self.model.function, self.loss

        def total(parameters: Any, X: Any, y: Any, weight: Any) -> Any:
            return (weight * loss(function(X, *parameters.values()), y)).sum()

        return total

    def penalty(self) -> Function | None:
        """Return the penalty of all parameters, as one vector."""
        penalty = self.user_penalty
        if penalty is None:
            return None
        structure, _ = Structure.of(self.start)
        layout = structure.layout

        def penalized(parameters: Any) -> Any:
            return penalty(np.concatenate([np.ravel(leaf) for leaf in leaves_of(layout, parameters)]))

        return penalized

    def view(self, calling: Calling) -> View:
        """Return how the loop's points look: by name."""
        return View(calling, calling.structure.names, "epoch")

    def sharpen(self, objective: Objective, rows: Rows) -> None:
        """Add nothing: of a function only its slope is known."""

    def engine(self, objective: Objective) -> Callable[..., Any]:
        """Return what descends when nothing was asked for."""
        return Engine

    def by_residuals(self, objective: Objective, rows: Rows, thorough: bool) -> tuple[Objective, Callable[..., Any]]:
        """Return the objective as its residuals serve it, and what descends by them."""
        penalty = self.user_penalty
        ridge = penalty.strength if isinstance(penalty, L2) else 0.0
        residuals, objective = residuals_of(self.model.function, self.start, rows, ridge, objective)
        return objective, partial(LeastSquares, residuals=residuals, thorough=thorough)

    def annotate(self, fitted: Fit, y: np.ndarray, weight: np.ndarray) -> None:
        """Add nothing."""


def _check_rows(what: str, values: np.ndarray, y: np.ndarray) -> None:
    if values.shape != y.shape:
        raise ValueError(
            f"the {what} returned the shape {values.shape} for {len(y):,} rows: it must be one number a row"
        )
