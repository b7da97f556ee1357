"""A linear model as a problem for the loop: descended in coordinates in which it is well conditioned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from steepest.data.batches import AsTheyAre, Columns
from steepest.derivatives.objective import Objective
from steepest.derivatives.structure import Calling, Structure
from steepest.descent.view import View
from steepest.fitting.result import Fit
from steepest.fitting.scaling import Changed, Coordinates, coordinates
from steepest.models import Linear
from steepest.models.losses import log_loss, squared
from steepest.models.penalties import L2
from steepest.trace import Certificate, Event, Outcome

Function = Callable[..., Any]


@dataclass(frozen=True)
class LinearView(View):
    """Points of the loop as coefficients in the user's units."""

    coordinates: Coordinates | None = None

    def rows(self, points: np.ndarray) -> np.ndarray:
        assert self.coordinates is not None
        return self.coordinates.to_user(points)

    def inward(self, point: np.ndarray) -> np.ndarray:
        assert self.coordinates is not None
        return self.coordinates.from_user(point)

    def along(self, direction: np.ndarray) -> np.ndarray:
        return self.inward(direction) - self.inward(np.zeros_like(direction))

    def slope(self, gradient: np.ndarray) -> np.ndarray:
        assert self.coordinates is not None
        return self.coordinates.slope(gradient)


@dataclass(frozen=True)
class LinearProblem:
    """A linear model on its rows, in coordinates chosen for it."""

    model: Linear
    X: np.ndarray
    params: dict[str, Any]
    loss: Function
    user_penalty: Function | None
    how: str
    coordinates: Coordinates
    names: Sequence[str] | None

    @classmethod
    def of(
        cls, model: Linear, X: np.ndarray, start: Any, weight: np.ndarray, loss: Function, penalty: Function | None,
        how: str, names: Sequence[str] | None,
    ) -> LinearProblem:  # fmt: skip
        """Choose the coordinates for a model on these rows."""
        X = model.shaped(X)
        return cls(model, X, model.start(X, start), loss, penalty, how, coordinates(X, weight, how), names)

    @property
    def start(self) -> np.ndarray:
        """Where the loop starts."""
        return self.coordinates.from_user(np.append(self.params["coef"], self.params["intercept"]))

    def columns(self) -> Columns:
        """Return the columns that the loop sees."""
        return AsTheyAre(self.X) if self.how == "none" else Changed(self.X, self.coordinates)

    def total(self) -> Function:
        """Return the weighted sum of losses as NumPy code of the loop's point."""
        loss = self.loss

        def total(theta: Any, X: Any, y: Any, weight: Any) -> Any:
            return (weight * loss(X @ theta[:-1] + theta[-1], y)).sum()

        return total

    def penalty(self) -> Function | None:
        """Return the penalty of the weights as NumPy code of the loop's point; the intercept is free."""
        penalty, coordinates = self.user_penalty, self.coordinates
        return None if penalty is None else lambda theta: penalty(coordinates.weights(theta))

    def view(self, calling: Calling) -> LinearView:
        """Return how the loop's points look as coefficients."""
        structure, _ = Structure.of(self.params)
        names = structure.names if self.names is None else (*self.names, "intercept")
        return LinearView(Calling(structure, spread=False), names, "epoch", self.coordinates)

    def sharpen(self, objective: Objective) -> None:
        """Give least squares its Hessian, which whitening makes 2 I, and a ridge's beside it."""
        ridge = isinstance(self.user_penalty, L2)
        if self.loss is not squared or self.how != "whiten" or not (ridge or self.user_penalty is None):
            return
        hessian = 2 * np.eye(objective.size)
        if ridge:
            turn = self.coordinates.turn
            hessian[:-1, :-1] += self.user_penalty.strength * turn.T @ turn  # type: ignore[union-attr]
        objective.hessian, objective.quadratic = lambda _: hessian, True

    def annotate(self, fitted: Fit, y: np.ndarray, weight: np.ndarray) -> None:
        """Say what the user should know of the data: columns without news, and classes that separate."""
        if self.how == "whiten" and (lost := self.X.shape[1] - self.coordinates.directions):
            detail = f"{lost} of {self.X.shape[1]} columns say nothing new: of many coefficients, short ones"
            fitted.trace.stored_events.append(Event(0, "collinear", detail))
        if self.loss is log_loss and self.user_penalty is None:
            margin = (2 * y - 1) * self.model(self.X, *fitted.params.values())
            if np.all(margin[weight > 0] > 0) and set(np.unique(y)) == {0, 1}:
                facts = "a plane separates the classes without error, so the loss falls for ever as coefficients grow"
                fitted.outcome, fitted.certificate = Outcome.NO_FINITE_OPTIMUM, Certificate()
                fitted.message = f"{fitted.outcome}: {facts}; add penalty=L2(1e-3), or so"
