"""A fit of a model written for JAX, such as a network of Flax or Equinox, as a problem for a solver."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from steepest.data.batches import AsTheyAre, Columns, Layout
from steepest.data.sparse.csr import is_sparse
from steepest.derivatives.bounds import Box
from steepest.derivatives.differences import EPS
from steepest.derivatives.native.model import Native
from steepest.derivatives.objective import Objective
from steepest.derivatives.precision import compiled_code
from steepest.derivatives.serving.serve import condition, serve
from steepest.derivatives.structure import Calling, Leaf, Structure
from steepest.descent.view import View
from steepest.fitting.function.held import Held
from steepest.fitting.function.native_objective import NativeLoss, RowsLoss, native_objective
from steepest.fitting.function.problem import check_scores
from steepest.fitting.objective import ArrangedRows
from steepest.fitting.result import Fit
from steepest.models import Custom
from steepest.models.losses import softmax
from steepest.models.losses.base import Loss
from steepest.printable import quoted
from steepest.types import Function, PyTree


@dataclass(frozen=True)
class NativeView(View):
    """The view of points as trees of parameters; the loop's points also hold the state.

    Attributes
    ----------
    model : Native
        The model, which knows its trees.
    state : array
        The state that completes a point of the user.
    """

    model: Native = field(kw_only=True)
    state: np.ndarray = field(kw_only=True)

    def rows(self, points: np.ndarray) -> np.ndarray:
        return points[..., : self.model.params.size]

    def inward(self, point: np.ndarray) -> np.ndarray:
        return np.concatenate([point, self.state])

    def along(self, direction: np.ndarray) -> np.ndarray:
        return np.concatenate([direction, np.zeros_like(self.state)])

    def slope(self, gradient: np.ndarray) -> np.ndarray:
        return self.rows(gradient)

    def point(self, x: np.ndarray) -> PyTree:
        return self.model.params.given(self.rows(x))

    def gradient(self, gradient: np.ndarray) -> PyTree:
        return self.point(gradient)

    def flat(self, point: PyTree) -> np.ndarray:
        if isinstance(point, np.ndarray) and point.shape == (self.model.params.size,):
            return self.inward(point.astype(float))
        return self.inward(self.model.params.flatten(point, "the point"))


@dataclass(frozen=True)
class NativeProblem:
    """A model written for JAX with its rows, its loss and its penalty.

    Attributes
    ----------
    native : Native
        The model as compiled code calls it.
    X : array
        The rows, in the type in which the model gets them.
    start : array
        The parameters to start from and the state, flat.
    loss, user_penalty : callable, callable or None
        The loss and the penalty of the user.
    box : Box or None
        The box of the parameters and the state, whose numbers have no bounds.
    """

    native: Native
    X: np.ndarray
    start: np.ndarray
    loss: Function
    user_penalty: Function | None
    box: Box | None = None

    @classmethod
    def of(
        cls, model: Custom, X: np.ndarray, y: np.ndarray, start: PyTree, loss: Function, penalty: Function | None,
        held: Held,
    ) -> NativeProblem:  # fmt: skip
        """Find out the shape of the outputs, which must be a prediction for each row; nothing is computed yet."""
        if is_sparse(X):
            raise TypeError("X is sparse, and functions of your own take arrays: give X.toarray(), or models.Linear()")
        native, x = Native.of(model.function, model.start, model.state)
        if start is not None:
            x = np.concatenate([native.params.flatten(start, "start="), native.split(x)[1]])
        theta, state = x[: native.params.size], x[native.params.size :]
        theta, box = held.within(theta, native.params.names)
        if box is not None:
            open_sides = np.full(state.size, np.inf)
            box = Box(np.append(box.low, -open_sides), np.append(box.high, open_sides))
        x = np.concatenate([theta, state])
        problem = cls(native, X.astype(native.dtype, copy=False), x, loss, penalty, box)
        z = native.shape(x, problem.X)
        if loss is softmax:
            check_scores(np.broadcast_to(0.0, z.shape), y)
        elif z.shape[:1] != y.shape or (isinstance(loss, Loss) and z.ndim > 1):
            raise ValueError(f"the model returned the shape {z.shape} for {len(y):,} rows: it must be one number a row")
        return problem

    def columns(self) -> Columns:
        """Return the columns of the rows, unchanged."""
        return AsTheyAre(self.X)

    def layout(self, size: int | None, shuffle: str | bool) -> Layout:
        """Return the layout of the rows in memory, for batches of a size."""
        return Layout.of(len(self.X), math.prod(self.X.shape[1:]), size, shuffle)

    @property
    def sum_of_losses(self) -> NativeLoss:
        """The loss over a block of rows."""
        return NativeLoss(self.native, RowsLoss.of(self.loss, self.native.shape(self.start, self.X)))

    @property
    def calling(self) -> Calling:
        """The layout of a point of the loop, a flat vector."""
        size = self.start.size
        return Calling(Structure(Leaf((size,), 0), size, self.native.params.names), spread=False)

    def penalty(self) -> Objective | None:
        """Return the compiled penalty of the flat parameters; None without a penalty."""
        penalty, size = self.user_penalty, self.native.params.size
        if penalty is None:
            return None
        served = serve(lambda x: penalty(x[:size]), self.calling, self.start)
        if served.compiled is None:
            raise ValueError(
                f"penalty={quoted(penalty)} can't be traced, and a model written for JAX needs it: {served.why}"
            )
        return served

    def objective(self, rows: ArrangedRows, seed: int) -> tuple[Objective, Calling]:
        """Return the objective, which must be finite at the start, and how its points are laid out."""
        objective = native_objective(self.sum_of_losses, self.penalty(), self.start, rows, seed, self.box)
        code = objective.compiled
        assert code is not None
        if not code.measured:
            code.measure(self.start, objective.arrays)
        objective.precision = code.precision
        value, gradient = objective.slope(self.start)
        if not math.isfinite(value):
            raise ValueError(f"the loss of the model is {value} at the start: start where it is finite")
        if objective.precision > EPS:
            objective.condition = condition(self.start, value, gradient)
        return objective, self.calling

    def view(self, calling: Calling) -> NativeView:
        """Return the view of points as trees of parameters."""
        names, state = self.native.params.names, self.native.split(self.start)[1]
        return NativeView(calling, names, "epoch", model=self.native, state=state)

    def mean_loss(self, X: np.ndarray, y: np.ndarray, weight: np.ndarray) -> Callable[[np.ndarray], float]:
        """Return the mean loss over other rows as a function of the loop's point."""
        other = replace(self, X=X.astype(self.X.dtype, copy=False), user_penalty=None)
        rows = ArrangedRows.arranged(other.layout(None, False), other.columns(), y, weight, 0)
        objective = native_objective(other.sum_of_losses, None, self.start, rows, 0)
        compiled = objective.compiled
        assert compiled is not None
        value = compiled.loop("value", lambda: lambda x, arrays: compiled.pure(x, arrays)[0])

        def mean(x: np.ndarray) -> float:
            with compiled_code():
                return float(value(x, objective.arrays))

        return mean

    def add_state(self, fitted: Fit, x: np.ndarray) -> None:
        """Set the state of a fit that ended at a point of the loop."""
        state, layout = self.native.split(x)[1], self.native.state
        if layout is not None:
            fitted.state = layout.given(state)
            assert isinstance(fitted.view, NativeView)
            fitted.view = replace(fitted.view, state=state)

    def annotate(self, fitted: Fit, y: np.ndarray, weight: np.ndarray) -> None:
        """Do nothing; linear models add remarks here."""
