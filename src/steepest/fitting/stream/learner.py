"""The learner of a stream: a linear model, by distance over gradients (DoG) with averaging."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from steepest.data.batches import Layout
from steepest.data.sparse.csr import SparseColumns, is_sparse
from steepest.data.sparse.segments import rows_of
from steepest.derivatives.compiled import shared
from steepest.derivatives.precision import compiled_code
from steepest.derivatives.tracing.tracer import Traced, stack
from steepest.fitting.limits import WHITENED
from steepest.fitting.linear.coordinates import Coordinates
from steepest.fitting.stream.blocks import Block
from steepest.fitting.stream.moments import Moments
from steepest.models import Linear, losses
from steepest.models.penalties import is_standard, kink_of, ridge_of, scales_of
from steepest.types import Array, Function, Rows

# The default number of rows in a batch. Chosen, not measured: fewer rows make more steps, with noisier gradients.
BATCH = 16
# The first distance of DoG, in coordinates in which columns have unit variance, so that it suits any table. Chosen, not
# measured: a larger one makes longer first steps, a smaller one takes more steps to grow.
FIRST_DISTANCE = 0.3
# γ of the average: with a larger γ the average forgets the first points sooner. Shamir and Zhang (2013) take 3.
DECAY = 3.0
# By how much, as a share, the loss of a constant may exceed that of the mean target. Chosen, not measured.
SLACK = 0.01
# If the standard deviation of a column grows by more than this factor in one block, its coefficient is shrunk. Chosen,
# not measured: a smaller factor forgets more of what was learnt from ordinary changes.
SURPRISE = 10.0


class DogState(NamedTuple):
    """The state of DoG: the point, the averages of points and gradients, the largest distance, Σ‖g‖², the updates."""

    theta: Array
    average: Array
    slope: Array
    distance: Array
    squares: Array
    updates: Array


@dataclass(frozen=True)
class BlockBatches:
    """A block in batches of `size` rows, in its own coordinates; a batch without weight changes nothing.

    `kinks` are the strengths of an L1 penalty on each coordinate, None without one, and `memory` is the number of
    updates that count: inf if nothing is forgotten.
    """

    X: Array
    y: Array
    weight: Array
    start: Array
    transform: Array
    ridge: Array
    kinks: Array | None
    memory: Array
    loss: losses.Loss
    size: int


jax.tree_util.register_dataclass(
    BlockBatches, ["X", "y", "weight", "start", "transform", "ridge", "kinks", "memory"], ["loss", "size"]
)


def _learn(batches: BlockBatches, state: DogState) -> tuple[DogState, Array, Array]:
    """Go through the batches of a block once, by distance over gradients with an average that forgets.

    θ ← θ - t g with t = max ‖θᵢ - θ₀‖ / √Σ‖gᵢ‖²: Ivgi, Hinder and Carmon, "DoG is SGD's best friend" (2023). The
    average gives step k the share (1 + γ) / (k + γ): Shamir and Zhang, "Stochastic gradient descent for
    non-smooth optimization" (2013), section 4. With a memory of M updates, Σ‖gᵢ‖² forgets the share 1/M at each step,
    and k stays at M in the share of the average. With an L1 penalty each step is proximal, as in Duchi and Singer,
    "Efficient online and batch learning using forward backward splitting" (2009). Return the new state, the last step
    size and the mean gradient.
    """

    def penalty_gradient(u: Array) -> Array:
        T = batches.transform
        return batches.ridge * (T.T @ (T @ u) if T.ndim == 2 else T**2 * u)

    def update(state: DogState, k: Array) -> tuple[DogState, tuple[Array, Array]]:
        X, y, weight = (rows_of(a, k * batches.size, batches.size) for a in (batches.X, batches.y, batches.weight))
        theta = state.theta
        z = X @ theta[:-1] + theta[-1]
        slope = jax.jvp(lambda z: stack(batches.loss(Traced(z), Traced(y))), (z,), (jnp.ones_like(z),))[1]
        p = jnp.where(weight > 0, weight * slope, 0.0)
        g = jnp.append(p @ X + penalty_gradient(theta[:-1]), p.sum())
        distance = jnp.maximum(state.distance, jnp.linalg.norm(theta - batches.start))
        squares = (1 - 1 / batches.memory) * state.squares + g @ g
        t = jnp.where(squares > 0, distance / jnp.sqrt(squares), 0.0)
        k = state.updates + 1
        theta = theta - t * g
        if batches.kinks is not None:
            theta = jnp.sign(theta) * jnp.maximum(jnp.abs(theta) - t * batches.kinks, 0.0)
        share = (1 + DECAY) / (jnp.minimum(k, batches.memory) + DECAY)
        average = state.average + share * (theta - state.average)
        slope = state.slope + share * (g - state.slope)
        new = DogState(theta, average, slope, distance, squares, k)
        counts = (weight > 0).any()
        return jax.tree.map(lambda new, old: jnp.where(counts, new, old), new, state), (t, jnp.where(counts, g, 0.0))

    after, (t, g) = jax.lax.scan(update, state, jnp.arange(len(batches.y) // batches.size))
    return after, t[-1], g.sum(axis=0) / (after.updates - state.updates)


_learn_from = shared(_learn)


@dataclass
class StreamLearner:
    """A linear model that learns from one block after another; between blocks its points are in the user's units.

    Attributes
    ----------
    penalty : L2, L1, ElasticNet or None
        The penalty; its scales "standard" are the standard deviations of the rows so far.
    how : str
        rescale= as the user gave it.
    size : int
        The rows of a batch.
    rng : numpy.random.Generator or None
        The generator that shuffles the rows of each block; None to keep their order.
    point, average : array of shape (n,)
        The last point, and the average of all points.
    distance, squares : float
        The largest distance from the start so far, and Σ‖g‖², in the coordinates of `coordinates`.
    t, slope : float, array of shape (n,)
        The last step size, and the mean gradient of the last block.
    mean_slope : array of shape (n,)
        The mean gradient without that of an L1 penalty, with the weights of the average; kept for an L1 penalty alone.
    half_life : float
        The number of rows after which a row counts half; inf to forget nothing.
    """

    model: Linear
    loss: losses.Loss
    penalty: Function | None
    how: str
    size: int
    rng: np.random.Generator | None
    point: np.ndarray
    start: np.ndarray = field(init=False)
    average: np.ndarray = field(init=False)
    columns: Moments = field(init=False)
    target: Moments = field(init=False)
    distance: float = FIRST_DISTANCE
    squares: float = 0.0
    updates: int = 0
    t: float = 0.0
    slope: np.ndarray = field(init=False)
    mean_slope: np.ndarray = field(init=False)
    half_life: float = math.inf

    def __post_init__(self) -> None:
        self.start = self.average = self.point
        self.slope, self.mean_slope = np.full_like(self.point, np.nan), np.zeros_like(self.point)
        # An L1 penalty sets single coefficients to 0, and whitened columns would mix these.
        mixes = self.how == "auto" and len(self.point) <= WHITENED and not kink_of(self.penalty)
        self.columns = Moments(self.how == "whiten" or mixes)
        self.target = Moments(False)

    @property
    def parts(self) -> tuple[StreamLearner, ...]:
        """The learners that this one consists of: itself."""
        return (self,)

    def row_losses(self, block: Block, point: np.ndarray) -> np.ndarray:
        """Return the loss of each row of a block."""
        with np.errstate(all="ignore"):
            return np.asarray(self.loss(self.model(block.X, point[:-1], point[-1]), block.y))

    def cost(self, block: Block, point: np.ndarray) -> float:
        """Return the mean loss of a block."""
        return float(np.average(self.row_losses(block, point), weights=block.weight))

    def value(self, block: Block, point: np.ndarray) -> float:
        """Return the mean loss of a block at a point, with the penalty."""
        scaled = point[:-1] * self.scales
        kinks = kink_of(self.penalty) * float(np.abs(scaled).sum())
        return self.cost(block, point) + self.ridge / 2 * float(scaled @ scaled) + kinks

    @property
    def answer(self) -> np.ndarray:
        """The average of all points; with an L1 penalty its coefficients are 0 where a proximal step would end at 0.

        An average is hardly ever 0, even if all the last points are. The proximal step from the average is that of the
        mean gradient, with the largest curvature of the loss in each standardised column.
        """
        if not kink_of(self.penalty) or not self.columns.rows:
            return self.average
        coef, scale = self.average[:-1], self.columns.scale
        slope = self.mean_slope[:-1] - self.columns.mean * self.mean_slope[-1]
        curvature = self.loss.steepest
        if math.isinf(curvature):
            curvature = self.loss.curvature(float(self.target.mean))
        steps = 1 / (curvature * scale**2)
        is_zero = np.abs(coef - steps * slope) <= steps * kink_of(self.penalty) * self.scales
        # The prediction at the mean stays the same.
        intercept = self.average[-1] + self.columns.mean @ np.where(is_zero, coef, 0.0)
        return np.append(np.where(is_zero, 0.0, coef), intercept)

    @property
    def ridge(self) -> float:
        """The strength of the penalty."""
        return ridge_of(self.penalty)

    @property
    def scales(self) -> np.ndarray:
        """The scales by which the penalty multiplies the coefficients."""
        if is_standard(self.penalty):
            return self.columns.scale if self.columns.rows else np.ones(1)
        scales = scales_of(self.penalty)
        return np.ones(1) if scales is None else scales

    def begin(self, block: Block) -> None:
        """Start with the intercept at the mean target of the first block, as its optimum is often far from 0."""
        if self.loss is losses.squared:
            middle = float(np.average(block.y, weights=block.weight))
            self.point = self.start = self.average = np.append(self.point[:-1], middle)

    def gains(self, block: Block, point: np.ndarray) -> bool:
        """Return whether a point, with its penalty, has a lower loss on a block than the start."""
        return self.value(block, point) < self.cost(block, self.start)

    def is_flattened(self, block: Block, point: np.ndarray) -> bool:
        """Return whether an L1 penalty sets all coefficients to 0, and what is left is about the best constant.

        Such an answer may be right, and yet have no lower loss on a block than the start, which is a constant as well.
        """
        if not kink_of(self.penalty) or point[:-1].any() or not self.target.rows:
            return False
        mean = float(self.target.mean)
        if self.loss is not losses.squared:
            if not 0 < mean < 1:
                return False
            mean = math.log(mean / (1 - mean))
        return self.cost(block, point) <= (1 + SLACK) * self.cost(block, np.append(np.zeros(len(point) - 1), mean))

    @property
    def memory(self) -> float:
        """The number of updates that count: Σ 2^(-i/h) over all i, for a half-life of h updates."""
        return math.inf if math.isinf(self.half_life) else 1 / (1 - 0.5 ** (self.size / self.half_life))

    def copied(self) -> StreamLearner:
        """Return a copy that learns without changing this learner."""
        other = copy.copy(self)
        other.columns, other.target = copy.copy(self.columns), copy.copy(self.target)
        return other

    @property
    def flat(self) -> np.ndarray:
        """The point without any coefficients; the intercept is the mean target if the loss is squared."""
        middle = float(self.target.mean) if self.loss is losses.squared else 0.0
        return np.append(np.zeros(len(self.point) - 1), middle)

    def anew(self, start: np.ndarray, distance: float, rng: np.random.Generator | None) -> StreamLearner:
        """Return a learner that begins at another start, with the moments of this one, and forgets nothing."""
        other = self.copied()
        other.start = other.point = other.average = start
        other.rng, other.half_life = rng, math.inf
        other.distance, other.squares, other.updates = distance, 0.0, 0
        other.mean_slope = np.zeros_like(start)
        return other

    def move(self, point: np.ndarray) -> None:
        """Continue from another point."""
        self.point = self.average = point

    def learn(self, block: Block) -> None:
        """Update the moments and the point with a block, in parts that are no longer than the half-life."""
        if math.isinf(self.half_life):
            self._learn_part(block)
            return
        rows = len(block.y)
        for part in np.array_split(np.arange(rows), math.ceil(rows / max(self.half_life, self.size))):
            weight = block.weight[part]
            if weight.any():
                self._forget(len(part))
                self._learn_part(replace(block, X=block.X[part], y=block.y[part], weight=weight))

    def _forget(self, rows: int) -> None:
        """Let what was learnt count less, before `rows` more rows are learnt from.

        The start follows the average, and the distance from it shrinks, so that steps become as short as the drift
        allows.
        """
        if not self.columns.rows:
            return
        keep = 0.5 ** (rows / self.half_life)
        self.columns.forget(keep)
        self.target.forget(keep)
        self.start = keep * self.start + (1 - keep) * self.average
        self.distance = max(FIRST_DISTANCE, keep * self.distance)

    def _learn_part(self, block: Block) -> None:
        """Update the moments and the point with rows that count alike."""
        before = self.columns.scale if self.columns.rows else None
        if (is_sparse(block.X) or kink_of(self.penalty)) and self.columns.full:
            self.columns = self.columns.variances_only()
        self.columns.add(block.X, block.weight)
        if before is not None:
            self.rescale_after_drift(before)
        self.target.add(block.y, block.weight)
        coordinates = self.coordinates()
        # Targets can be centred and rescaled only for the squared loss.
        middle, unit = (self.target.mean, float(self.target.scale)) if self.loss is losses.squared else (0.0, 1.0)

        def inward(point: np.ndarray) -> np.ndarray:
            return coordinates.from_user(np.append(point[:-1], point[-1] - middle) / unit)

        def outward(theta: np.ndarray) -> np.ndarray:
            point = coordinates.to_user(theta) * unit
            return np.append(point[:-1], point[-1] + middle)

        order = np.arange(len(block.y)) if self.rng is None else self.rng.permutation(len(block.y))
        share = block.weight[order] * (self.columns.rows / self.columns.mass / self.size)
        kinks, slope = None, np.zeros_like(self.point)
        if kink_of(self.penalty):
            kinks = np.append(kink_of(self.penalty) * self.scales * coordinates.transform / unit, 0.0)
            slope[:-1] = (self.mean_slope[:-1] - coordinates.mean * self.mean_slope[-1]) * coordinates.transform / unit
            slope[-1] = self.mean_slope[-1] / unit
        X, y, share = (
            self.rows(block.X, order, coordinates),
            *map(self.padded, ((block.y[order] - middle) / unit, share)),
        )
        with compiled_code():
            before_block = DogState(
                inward(self.point), inward(self.average), slope, self.distance, self.squares, self.updates
            )
            transform = coordinates.transform
            transform = self.scales * transform if transform.ndim == 1 else self.scales[:, None] * transform
            batches = BlockBatches(
                X, y, share, inward(self.start), transform, self.ridge, kinks, self.memory, self.loss, self.size
            )
            after, t, slope = jax.device_get(
                _learn_from(batches, DogState(*(jnp.asarray(a, float) for a in before_block)))
            )
        self.point, self.average = outward(after.theta), outward(after.average)
        self.distance, self.squares = float(after.distance), float(after.squares)
        self.updates, self.t, self.slope = int(after.updates), float(t), unit * coordinates.gradient_to_user(slope)
        if kinks is not None:
            self.mean_slope = unit * coordinates.gradient_to_user(after.slope)

    def rescale_after_drift(self, before: np.ndarray) -> None:
        """Shrink the coefficients of columns that now vary far more than when these coefficients were learnt.

        The intercept changes with them, so that the prediction at the mean stays the same.
        """
        shrink = np.minimum(1.0, SURPRISE * before / self.columns.scale)

        def shrunk(point: np.ndarray) -> np.ndarray:
            coef, intercept = point[:-1], point[-1]
            return np.append(shrink * coef, intercept + ((1 - shrink) * coef) @ self.columns.mean)

        self.point, self.average = shrunk(self.point), shrunk(self.average)

    def coordinates(self) -> Coordinates:
        """Return the coordinates to learn in."""
        if self.how == "none":
            size = len(self.point) - 1
            return Coordinates(np.zeros(size), np.ones(size))
        return self.columns.coordinates(self.ridge / self.loss.curvature(float(self.target.mean)) * self.scales**2)

    def rows(self, X: Rows, order: np.ndarray, coordinates: Coordinates) -> Array:
        """Return the rows in an order and in these coordinates, padded to whole batches."""
        if is_sparse(X):
            layout = Layout(len(order), self.size, self.whole(len(order)))
            return SparseColumns(X.astype(float), coordinates.mean, coordinates.transform, rounded=True).arranged(
                layout, order
            )
        scaled = (X[order] - coordinates.mean) / coordinates.scale
        return self.padded(scaled if coordinates.basis is None else scaled @ coordinates.basis)

    def padded(self, rows: np.ndarray) -> np.ndarray:
        """Return the rows, padded by zeros to whole batches."""
        padded = np.zeros((self.whole(len(rows)), *rows.shape[1:]))
        padded[: len(rows)] = rows
        return padded

    def whole(self, rows: int) -> int:
        """Return the rows of enough batches; their number is a power of two, so that fewer versions are compiled."""
        return self.size << (-(-rows // self.size) - 1).bit_length()
