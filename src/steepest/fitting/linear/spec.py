"""A linear model on its rows: its loss, its penalty, and the coordinates in which it is well conditioned."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import jax
import numpy as np

from steepest.data.batches import AsTheyAre, Columns, Layout
from steepest.data.sparse.csr import SparseColumns, is_sparse
from steepest.derivatives.precision import compiled_code
from steepest.derivatives.structure import Calling, Structure
from steepest.fitting.linear.certificates.base import WIDEST
from steepest.fitting.linear.certificates.recession import Recession
from steepest.fitting.linear.classes import ClassCoordinates
from steepest.fitting.linear.coordinates import Changed, Coordinates, coordinates
from steepest.fitting.linear.glm import Glm
from steepest.fitting.linear.view import LinearView, named
from steepest.fitting.objective import Rows
from steepest.models import Linear, Multinomial
from steepest.models.losses import Loss, softmax
from steepest.models.losses.softmax import Contrasted
from steepest.models.penalties import L1, L2, ElasticNet, Function, kink_of, ridge_of


@dataclass(frozen=True)
class LinearSpec:
    """A linear model on its rows, in coordinates chosen for it."""

    model: Linear
    X: np.ndarray
    params: dict[str, Any]
    loss: Function
    user_penalty: Function | None
    rescale: str
    coordinates: Coordinates
    curvature: float
    names: Sequence[str] | None
    y: np.ndarray
    weight: np.ndarray

    @classmethod
    def of(
        cls, model: Linear, X: np.ndarray, y: np.ndarray, start: Any, weight: np.ndarray, loss: Function,
        penalty: Function | None, how: str, names: Sequence[str] | None,
    ) -> Self:  # fmt: skip
        """Choose the coordinates for a model on these rows."""
        if isinstance(model, Multinomial):
            if loss is not softmax:
                raise ValueError(f"loss={loss!r}: Multinomial is fitted by softmax alone; leave loss= out")
            assert model.classes is not None
            loss = Contrasted(model.classes, apart=bool(kink_of(penalty)))
        elif loss is softmax:
            raise ValueError("loss='softmax' needs a score a class: take models.Multinomial() as the model")
        bend = curvature(loss, float(np.average(y, weights=weight)))
        where = coordinates(X, weight, how, ridge_of(penalty) / bend)
        return cls(model, X, model.start(X, start), loss, penalty, how, where, bend, names, y, weight)

    @property
    def start(self) -> np.ndarray:
        """Where the loop starts."""
        return self.frame.from_user(np.append(self.params["coef"], self.params["intercept"]))

    @property
    def frame(self) -> Coordinates | ClassCoordinates:
        """The coordinates of the parameters: those of the columns, for each output."""
        contrasts = self.loss.contrasts if isinstance(self.loss, Loss) else None
        return self.coordinates if contrasts is None else ClassCoordinates(self.coordinates, contrasts)

    @property
    def outputs(self) -> int:
        """How many outputs a row has, 0 where it is one number."""
        return self.loss.outputs if isinstance(self.loss, Loss) else 0

    def columns(self) -> Columns | SparseColumns:
        """Return the columns that the loop sees."""
        where = self.coordinates
        if is_sparse(self.X):
            return SparseColumns(self.X) if self.rescale == "none" else SparseColumns(self.X, where.mean, where.turn)
        return AsTheyAre(self.X) if self.rescale == "none" else Changed(self.X, where)

    def layout(self, size: int | None, shuffle: Any) -> Layout:
        """Return how the rows lie in memory, for batches of a size."""
        columns = self.columns()
        width = columns.shape[1]
        if isinstance(columns, SparseColumns) and width > WIDEST:
            # Else a block of them is made dense for a Hessian.
            width = columns.width
        return Layout.of(columns.shape[0], width, size, shuffle, rounded=True)

    def plain_rows(self, rows: Rows) -> Iterable[tuple[Any, ...]]:
        """Return the rows for plain calls, some at a time."""
        return [(self.columns(), self.y, self.weight)] if is_sparse(self.X) else rows.blocks()

    def total(self) -> Function:
        """Return the weighted sum of losses as NumPy code of the loop's point."""
        loss, outputs = self.loss, self.outputs

        def total(theta: Any, X: Any, y: Any, weight: Any) -> Any:
            theta = theta.reshape(-1, outputs) if outputs else theta
            return (weight * loss(X @ theta[:-1] + theta[-1], y)).sum()

        return total

    def penalty(self) -> Function | None:
        """Return the penalty of the weights as NumPy code of the loop's point; the intercept is free."""
        penalty, frame = self.user_penalty, self.frame
        return None if penalty is None else lambda theta: penalty(frame.weights(theta))

    def view(self, calling: Calling) -> LinearView:
        """Return how the loop's points look as coefficients."""
        structure, _ = Structure.of(self.params)
        classes = len(self.params["coef"]) if self.outputs else 0
        names = structure.names if self.names is None else named(self.names, classes)
        return LinearView(Calling(structure, spread=False), names, "epoch", self.frame)

    @cached_property
    def recession(self) -> Recession:
        """Whether the loss, which is one of the library's own, falls for ever on these rows."""
        assert isinstance(self.loss, Loss)
        return Recession(self.X, self.y, self.weight, self.loss, not self.is_penalised, self.names)

    @property
    def without_columns(self) -> float:
        """The value where every prediction is the mean of the targets, infinite where that is not known."""
        if not isinstance(self.loss, Loss) or self.outputs or not self.knows_its_penalty:
            return math.inf
        with np.errstate(all="ignore"):
            z = self.loss.link(np.average(self.y, weights=self.weight))
            value = float(np.average(self.loss(z, self.y), weights=self.weight))
        return value if math.isfinite(value) else math.inf

    @property
    def lowest(self) -> float:
        """What no parameters make the value less than, minus infinity where that is not known."""
        known = isinstance(self.loss, Loss) and self.knows_its_penalty
        return float(np.average(self.loss.lowest(self.y), weights=self.weight)) if known else -math.inf  # type: ignore[attr-defined]

    def smoothed(self, glm: Glm) -> Glm:
        """Return the model with its loss as a descent begins with it."""
        soft = glm.loss.smoothing(self.y, self.weight)
        return glm if soft is None else replace(glm, smoothing=np.asarray(soft, float))

    @property
    def is_convex(self) -> bool:
        """Whether objective is one that certificates and steps of its own are known for."""
        return isinstance(self.loss, Loss) and isinstance(self.user_penalty, (L1, L2, ElasticNet, type(None)))

    @property
    def is_penalised(self) -> bool:
        """Whether the penalty is one of strength."""
        return bool(ridge_of(self.user_penalty) or kink_of(self.user_penalty))

    @property
    def allows_saga(self) -> bool:
        """Whether batches can begin the descent: a smooth objective, no steeper than some curvature anywhere."""
        return self.is_convex and math.isfinite(self.loss.steepest) and not kink_of(self.user_penalty)  # type: ignore[attr-defined]

    @property
    def kinks(self) -> np.ndarray:
        """λⱼ, what |θⱼ| is multiplied by in the penalty."""
        each = np.append(kink_of(self.user_penalty) / self.coordinates.scale, 0.0)
        return np.repeat(each, self.outputs) if self.outputs else each

    @property
    def knows_its_penalty(self) -> bool:
        """Whether the penalty is one that the objective need not trace."""
        return isinstance(self.user_penalty, (L1, L2, ElasticNet, type(None))) and not (
            kink_of(self.user_penalty) and self.rescale == "whiten"
        )

    def glm(self, data: tuple[Any, Any, Any], rows: Rows) -> Glm:
        """Return the products with rows that compiled code has, and the quadratic part of the penalty."""
        with compiled_code():
            turn = None if not self.is_penalised else jax.device_put(self.coordinates.turn)
        white = self.rescale == "whiten"
        arrays = (*data, rows.mass, ridge_of(self.user_penalty), turn, None, self.lowest)
        return Glm(*arrays, self.loss, rows.layout.block, white)  # type: ignore[arg-type]


def curvature(loss: Function, mean: float) -> float:
    """Return ℓ″ where every prediction is the mean of y, which is what a model without columns predicts."""
    return loss.curvature(mean) if isinstance(loss, Loss) else 1.0
