"""The data of a linear problem: model, rows, loss, penalty, and the coordinates in which it is well conditioned."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import jax
import numpy as np

from steepest.data.batches import AsTheyAre, Columns, Layout, rounded_up
from steepest.data.sparse.csr import SparseColumns, is_sparse
from steepest.derivatives.bounds import Box, check_inside
from steepest.derivatives.precision import compiled_code
from steepest.derivatives.structure import Calling, Structure
from steepest.fitting.limits import (
    CERTIFIED,
    LEAST_COEFFICIENTS,
    PADDED_COEFFICIENTS,
    PADDED_NUMBERS,
    WIDTH_BITS,
)
from steepest.fitting.linear.certificates.recession import Recession
from steepest.fitting.linear.classes import ClassCoordinates
from steepest.fitting.linear.coordinates import Changed, Coordinates, coordinates
from steepest.fitting.linear.glm import UNKNOWN, Glm
from steepest.fitting.linear.units import ORDINARY, check_strength
from steepest.fitting.linear.view import LinearView, parameter_names
from steepest.fitting.objective import ArrangedRows
from steepest.models import Linear, Multinomial
from steepest.models.losses import Loss, softmax
from steepest.models.losses.softmax import Contrasted
from steepest.models.penalties import L1, L2, ElasticNet, kink_of, ridge_of, scales_of, split
from steepest.printable import quoted
from steepest.types import Array, Function, PyTree


@dataclass(frozen=True)
class LinearSpec:
    """A linear model on its rows, in coordinates chosen for it.

    Attributes
    ----------
    model : Linear
        The model.
    X : array or csr_array of shape (rows, columns)
        The rows.
    params : dict
        The parameters at the start, by name.
    loss : Loss or callable
        A loss of the library, or the user's own.
    user_penalty : callable or None
        A penalty of the library, or the user's own.
    rescale : {"whiten", "scale", "none"}
        How the coordinates were chosen.
    coordinates : Coordinates
        The map from the coordinates of the descent to coefficients, for one output.
    curvature : float
        The curvature of the loss that solvers begin with.
    names : sequence of str or None
        The names of the columns, if they have names.
    y, weight : array of shape (rows,)
        Targets and row weights.
    bounds : Box or None
        The bounds of the coefficients and of the intercept, in the user's units.
    """

    model: Linear
    X: np.ndarray
    params: dict[str, Array]
    loss: Function
    user_penalty: Function | None
    rescale: str
    coordinates: Coordinates
    curvature: float
    names: Sequence[str] | None
    y: np.ndarray
    weight: np.ndarray
    bounds: Box | None = None

    @classmethod
    def of(
        cls, model: Linear, X: np.ndarray, y: np.ndarray, start: PyTree, weight: np.ndarray, loss: Function,
        penalty: Function | None, rescale: str, names: Sequence[str] | None, bounds: Box | None = None, *,
        padded: bool = False,
    ) -> Self:  # fmt: skip
        """Choose the coordinates for a model on these rows; `padded`, if that saves compilations."""
        if isinstance(model, Multinomial):
            if loss is not softmax:
                raise ValueError(
                    f"loss={quoted(loss)}: models.Multinomial() takes only the softmax loss; leave loss= out"
                )
            assert model.classes is not None
            loss = Contrasted(model.classes, apart=bool(kink_of(penalty)))
        elif loss is softmax:
            raise ValueError("loss='softmax' needs a model with a score for each class: give models.Multinomial()")
        at_mean = curvature(loss, float(np.average(y, weights=weight)))
        # A bound of the intercept is one of a coordinate only if no means are subtracted from the columns.
        centred = bounds is None or bool(np.isinf(bounds.low[-1]) and np.isinf(bounds.high[-1]))
        scales = _checked_scales(penalty, X.shape[1])
        chosen = coordinates(X, weight, rescale, ridge_of(penalty) / at_mean * scales**2, names, centred)
        check_strength(kink_of(penalty) * scales / chosen.scale, "L1", names)
        params = model.start(X, start)
        if bounds is not None:
            params = _inside(bounds, params, start is not None, parameter_names(names, 0) if names else None)
        spec = cls(model, X, params, loss, penalty, rescale, chosen, at_mean, names, y, weight, bounds)
        if padded and bounds is None and spec.is_convex and rescale != "none" and not is_sparse(X):
            return spec.padded()
        return spec

    def padded(self) -> Self:
        """Return the model with columns of zeros, so that tables of similar width share compiled code."""
        width = padded_width(self.X.shape[0], self.X.shape[1], self.outputs)
        return replace(self, coordinates=self.coordinates.padded(width))

    @property
    def start(self) -> np.ndarray:
        """The start, in the coordinates of the descent."""
        return self.frame.from_user(np.append(self.params["coef"], self.params["intercept"]))

    @property
    def frame(self) -> Coordinates | ClassCoordinates:
        """The map from the coordinates of the descent to all parameters: that of the columns, once for each output."""
        contrasts = self.loss.contrasts if isinstance(self.loss, Loss) else None
        return self.coordinates if contrasts is None else ClassCoordinates(self.coordinates, contrasts)

    @property
    def box(self) -> Box | None:
        """The bounds, in the coordinates of the descent."""
        if self.bounds is None:
            return None
        scale = np.append(self.coordinates.scale, 1.0)
        return Box(self.bounds.low * scale, self.bounds.high * scale)

    @property
    def allows_constants(self) -> bool:
        """Whether every constant prediction is within the bounds."""
        if self.bounds is None:
            return True
        low, high = self.bounds
        return bool(np.all((low[:-1] <= 0) & (high[:-1] >= 0)) and np.isinf(low[-1]) and np.isinf(high[-1]))

    @property
    def size(self) -> int:
        """The number of coefficients that change an output, with the intercepts."""
        return (self.coordinates.varying + 1) * max(self.outputs, 1)

    @property
    def outputs(self) -> int:
        """The length of a row's output, 0 if the output is a single number."""
        return self.loss.outputs if isinstance(self.loss, Loss) else 0

    def columns(self) -> Columns | SparseColumns:
        """Return the columns in the coordinates of the descent."""
        to_user, as_given = self.coordinates, self.rescale == "none"
        if is_sparse(self.X):
            return SparseColumns(self.X) if as_given else SparseColumns(self.X, to_user.mean, to_user.transform)
        return AsTheyAre(self.X) if as_given else Changed(self.X, to_user)

    def layout(self, size: int | None, shuffle: bool | str) -> Layout:
        """Return the layout of the rows in memory, for batches of `size` rows (None: all rows at once)."""
        columns = self.columns()
        width = columns.shape[1]
        if isinstance(columns, SparseColumns) and width > CERTIFIED:
            # No Hessian is formed, so that no block is made dense: count only the entries that are stored.
            width = columns.width
        return Layout.of(columns.shape[0], width, size, shuffle, rounded=True)

    def plain_rows(self, rows: ArrangedRows) -> Iterable[tuple[Array, ...]]:
        """Return (X, y, weight) for calls in NumPy: a block of dense rows at a time, or all sparse rows at once."""
        return [(self.columns(), self.y, self.weight)] if is_sparse(self.X) else rows.blocks()

    def total(self) -> Function:
        """Return the weighted sum of losses as a NumPy function of θ."""
        loss, outputs = self.loss, self.outputs

        def total(theta: Array, X: Array, y: Array, weight: Array) -> Array:
            theta = theta.reshape(-1, outputs) if outputs else theta
            return (weight * loss(X @ theta[:-1] + theta[-1], y)).sum()

        return total

    def penalty(self) -> Function | None:
        """Return the penalty of the weights as a NumPy function of θ; the intercept is not penalised."""
        penalty, frame = self.user_penalty, self.frame
        return None if penalty is None else lambda theta: penalty(frame.weights(theta))

    def view(self, calling: Calling) -> LinearView:
        """Return the view that shows points of the descent as coefficients."""
        structure, _ = Structure.of(self.params)
        classes = len(self.params["coef"]) if self.outputs else 0
        names = structure.names if self.names is None else parameter_names(self.names, classes)
        return LinearView(Calling(structure, spread=False), names, "epoch", self.frame)

    @cached_property
    def recession(self) -> Recession:
        """Whether the loss, which must be one of the library's, falls without end on these rows."""
        assert isinstance(self.loss, Loss)
        return Recession(self.X, self.y, self.weight, self.loss, not self.is_penalised, self.names, self.bounds)

    @property
    def value_at_mean(self) -> float:
        """The objective if every prediction is the mean of the targets; infinite if that is not known."""
        return self.constant_loss if self.allows_constants else math.inf

    @property
    def constant_loss(self) -> float:
        """The objective as `value_at_mean`, even if the bounds allow no such prediction."""
        if not isinstance(self.loss, Loss) or self.outputs or not self.has_known_penalty:
            return math.inf
        with np.errstate(all="ignore"):
            z = self.loss.link(np.average(self.y, weights=self.weight))
            value = float(np.average(self.loss(z, self.y), weights=self.weight))
        return value if math.isfinite(value) else math.inf

    @property
    def lowest(self) -> float:
        """A lower bound on the objective; minus infinity if none is known."""
        if not (isinstance(self.loss, Loss) and self.has_known_penalty):
            return -math.inf
        return float(np.average(self.loss.lowest(self.y), weights=self.weight))

    def smoothed(self, glm: Glm) -> Glm:
        """Return the model with the smoothing at which a descent begins, if the loss has kinks to smooth."""
        smoothing = glm.loss.smoothing(self.y, self.weight)
        return glm if smoothing is None else replace(glm, smoothing=np.asarray(smoothing, float))

    @property
    def is_convex(self) -> bool:
        """Whether loss and penalty are the library's: the objective is then convex, and may have a certificate."""
        return isinstance(self.loss, Loss) and isinstance(self.user_penalty, (L1, L2, ElasticNet, type(None)))

    @property
    def is_penalised(self) -> bool:
        """Whether there is a penalty of the library with a strength above 0."""
        return bool(ridge_of(self.user_penalty) or kink_of(self.user_penalty))

    @property
    def scales(self) -> np.ndarray | None:
        """The scales by which the penalty multiplies coefficients, with 1 for columns of padding; None without any."""
        scales = scales_of(self.user_penalty)
        if scales is None:
            return None
        return np.pad(scales, (0, len(self.coordinates.scale) - len(scales)), constant_values=1.0)

    @property
    def ridge(self) -> tuple[float, np.ndarray]:
        """λ and T of the quadratic penalty λ/2 ‖T u‖², with a part of λ moved into T if squares of T might overflow.

        T maps u to the coefficients in the user's units, times the scales of the penalty if it has any.
        """
        strength, transform = ridge_of(self.user_penalty), self.coordinates.transform
        if (scales := self.scales) is not None:
            transform = scales * transform if transform.ndim == 1 else scales[:, None] * transform
        if not np.any(np.abs(np.frexp(self.coordinates.scale)[1]) > ORDINARY):
            return strength, transform
        rest, root = split(strength)
        return rest, root * transform

    @property
    def allows_saga(self) -> bool:
        """Whether SAGA can begin the descent: it needs a loss of bounded curvature."""
        return self.is_convex and isinstance(self.loss, Loss) and math.isfinite(self.loss.steepest)

    @property
    def kinks(self) -> np.ndarray:
        """λⱼ, the strength of the penalty λⱼ |θⱼ| on each coordinate."""
        scales = self.scales
        each = np.append(kink_of(self.user_penalty) * (1.0 if scales is None else scales) / self.coordinates.scale, 0.0)
        return np.repeat(each, self.outputs) if self.outputs else each

    @property
    def has_known_penalty(self) -> bool:
        """Whether the library has a formula for the penalty, which then need not be traced."""
        return isinstance(self.user_penalty, (L1, L2, ElasticNet, type(None))) and not (
            kink_of(self.user_penalty) and self.rescale == "whiten"
        )

    def glm(self, data: tuple[Array, Array, Array], rows: ArrangedRows) -> Glm:
        """Return the model on rows that are on the device, with the quadratic term of the penalty."""
        ridge, transform = self.ridge if self.is_penalised else (0.0, None)
        with compiled_code():
            transform = None if transform is None else jax.device_put(transform)
        loss = self.loss if isinstance(self.loss, Loss) else UNKNOWN
        arrays = (*data, rows.mass, ridge, transform, None, self.lowest)
        return Glm(*arrays, loss, rows.layout.block, self.rescale == "whiten")


def _inside(bounds: Box, params: dict[str, Array], given: bool, names: Sequence[str] | None) -> dict[str, Array]:
    """Return parameters within bounds: moved there, unless the user gave them, who is then told what lies outside."""
    flat = np.append(params["coef"], params["intercept"])
    if given:
        each = [f"coef[{j}]" for j in range(flat.size - 1)] + ["intercept"] if names is None else names
        check_inside(bounds, flat, each)
    flat = np.clip(flat, bounds.low, bounds.high)
    return {"coef": flat[:-1], "intercept": flat[-1]}


def _checked_scales(penalty: Function | None, columns: int) -> np.ndarray:
    """Return the scales of a penalty, or a 1 that stands for all; raise if there is not one for each column."""
    scales = scales_of(penalty)
    if scales is None:
        return np.ones(1)
    if len(scales) != columns:
        raise ValueError(
            f"penalty={quoted(penalty)} has {len(scales):,} scales, and the model has {columns:,} columns: "
            "give one for each"
        )
    return scales


def padded_width(rows: int, columns: int, outputs: int) -> int:
    """Return the number of columns that this many are padded to; it is the same for tables of similar width."""
    each = max(outputs, 1)
    width = max(rounded_up(columns, WIDTH_BITS), LEAST_COEFFICIENTS // each)
    few = rows * width <= PADDED_NUMBERS and (width + 1) * each <= PADDED_COEFFICIENTS
    return width if few else columns


def curvature(loss: Function, mean: float) -> float:
    """Return ℓ″ if every prediction is the mean of the targets; 1 for the user's own loss."""
    return loss.curvature(mean) if isinstance(loss, Loss) else 1.0
