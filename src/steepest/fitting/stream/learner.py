"""A linear model on a stream: each block of rows is read once, learnt from, and let go."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from steepest.data.arrays import read_features, read_target, read_weight
from steepest.data.batches import Layout
from steepest.data.sparse.csr import SparseColumns, edges, is_sparse, moments
from steepest.data.sparse.segments import rows_of
from steepest.derivatives.compiled import shared
from steepest.derivatives.precision import compiled_code
from steepest.derivatives.structure import Calling, Structure
from steepest.derivatives.tracing.tracer import Traced, stack
from steepest.descent.ending import message
from steepest.descent.loop.state import COLUMNS
from steepest.descent.progress import Progress
from steepest.descent.view import View
from steepest.fitting.linear.coordinates import EPS, WIDEST_GRAM, Coordinates
from steepest.fitting.result import Fit
from steepest.models import Linear, losses
from steepest.trace import Certificate, Outcome, Recorder

Array = Any

BATCH = 16
# Both are in units of standard deviations, so that they suit any table.
FIRST_DISTANCE = 0.3
DECAY = 3.0
SURPRISE = 10.0
# So many rows tell whether an answer is of use.
TELLING = 100
ADVICE = "all rows at once, where memory holds them, give the exact one"


@dataclass(frozen=True)
class Block:
    """Rows of a stream, checked; X may be sparse."""

    X: Any
    y: np.ndarray
    weight: np.ndarray
    names: list[str] | None


@dataclass
class Blocks:
    """The blocks of a stream that have rows which count; all must have the same columns.

    Attributes
    ----------
    whitened : bool
        Whether columns are to be mixed, which sparse ones can't be.
    number : int
        Which block of the stream was read last, or could not be read.
    """

    stream: Iterator[Any]
    model: Linear
    loss: losses.Loss
    dtype: Any
    whitened: bool = False
    number: int = field(default=-1, init=False)
    layout: tuple[int, list[str] | None] | None = field(default=None, init=False)

    def __iter__(self) -> Iterator[Block]:
        return self

    def __next__(self) -> Block:
        while True:
            self.number += 1
            block = self.read(next(self.stream))
            if block is not None:
                return block

    def read(self, pieces: Any) -> Block | None:
        """Return what the stream brought as a block, or None where it has no rows that count."""
        k = self.number
        if not (isinstance(pieces, (tuple, list)) and len(pieces) in (2, 3)):
            raise TypeError(f"block {k} of the stream is {type(pieces).__name__}: give (X, y) or (X, y, weight)")
        if not (pieces[0].shape[0] if is_sparse(pieces[0]) else len(pieces[0])):
            return None
        X, names = read_features(pieces[0], self.dtype, f"X of block {k}")
        if self.whitened and is_sparse(X):
            raise ValueError("rescale='whiten' is not for a stream of sparse rows: take rescale='scale'")
        X = self.model.shaped(X)
        y = read_target(pieces[1], X.shape[0], f"y of block {k}", f"X of block {k}")
        losses.check_targets(self.loss, y)
        weight = pieces[2] if len(pieces) == 3 else None
        idle = weight is not None and np.shape(weight) == y.shape and not np.any(weight)
        self.layout = self.layout or (X.shape[1], names)
        width, known = self.layout
        if X.shape[1] != width:
            raise ValueError(f"block {k} has {X.shape[1]} columns, and those before it {width}")
        if names != known:
            raise ValueError(f"block {k} has the columns {names}, and those before it {known}")
        return None if idle else Block(X, y, read_weight(weight, len(y)), names)


@dataclass
class Moments:
    """Mean and covariance of the rows so far, block by block.

    Chan, Golub and LeVeque, "Algorithms for computing the sample variance" (1983), which is
    Welford's (1962) for more than one row at a time.
    """

    full: bool
    rows: int = 0
    mass: float = 0.0
    mean: Any = 0.0
    squares: Any = 0.0

    def add(self, X: Any, weight: np.ndarray) -> None:
        """Take in the rows of a block; of sparse ones the zeros are not formed."""
        mass = float(weight.sum())
        if is_sparse(X):
            low, high = edges(X)
            mean = moments(X, weight)
            # A column of equal numbers has no variance at all.
            new = np.where(low == high, 0.0, mass * moments(X, weight, mean))
        else:
            X = X.astype(float)
            # From the first row on, so that a column of equal numbers has no variance at all.
            mean = X[0] + weight @ (X - X[0]) / mass
            centred = X - mean
            weighted = centred * weight.reshape(-1, *[1] * (X.ndim - 1))
            new = weighted.T @ centred if self.full else (weighted * centred).sum(axis=0)
        moved, both = mean - self.mean, self.mass + mass
        jump = np.outer(moved, moved) if self.full else moved**2
        self.squares = self.squares + new + jump * (self.mass * mass / both)
        self.mean, self.mass, self.rows = self.mean + moved * (mass / both), both, self.rows + len(weight)

    def alone(self) -> Moments:
        """Return what is known of each column by itself."""
        return replace(self, full=False, squares=np.diag(self.squares) if self.rows else 0.0)

    @property
    def scale(self) -> Any:
        """The standard deviations, 1 where a column has not varied yet."""
        spread = (np.diag(self.squares) if self.full else self.squares) / self.mass
        return np.where(spread > (8 * EPS * self.mean) ** 2, np.sqrt(spread), 1.0)

    def coordinates(self, ridge: float) -> Coordinates:
        """Return coordinates in which the columns so far are centred and uncorrelated, or at least of one size.

        As in a fit, ρ, the strength of a penalty beside the curvature of the loss, counts as variance, so that both
        are curved alike. Correlations are shrunk by columns / rows, as those of few rows are mostly chance.
        """
        scale = np.sqrt(self.scale**2 + ridge)
        if not self.full:
            return Coordinates(self.mean, scale)
        values, vectors = np.linalg.eigh(self.squares / self.mass / np.outer(scale, scale) + np.diag(ridge / scale**2))
        return Coordinates(self.mean, scale, vectors / np.sqrt(np.maximum(values, 0) + len(scale) / self.rows))


class DogState(NamedTuple):
    """A point, the average of those before it, and what the step size follows: how far, and squared gradients."""

    theta: Array
    average: Array
    far: Array
    squares: Array
    updates: Array


@dataclass(frozen=True)
class BlockBatches:
    """A block in batches of some rows, in coordinates of its own; batches without rows teach nothing."""

    X: Array
    y: Array
    weight: Array
    start: Array
    turn: Array
    ridge: Array
    loss: losses.Loss
    size: int


jax.tree_util.register_dataclass(BlockBatches, ["X", "y", "weight", "start", "turn", "ridge"], ["loss", "size"])


def _learn(lesson: BlockBatches, learnt: DogState) -> tuple[DogState, Array, Array]:
    """Go through the batches of a block once: distance over gradients, with averaging that forgets.

    θ ← θ - t g with t = max ‖θᵢ - θ₀‖ / √Σ‖gᵢ‖²: Ivgi, Hinder and Carmon, "DoG is SGD's best friend" (2023). The
    average gives step k the part (1 + γ) / (k + γ): Shamir and Zhang, "Stochastic gradient descent for
    non-smooth optimization" (2013), section 4. Also returns the last step size and the mean gradient.
    """

    def push(u: Array) -> Array:
        turn = lesson.turn
        return lesson.ridge * (turn.T @ (turn @ u) if turn.ndim == 2 else turn**2 * u)

    def update(learnt: DogState, k: Array) -> tuple[DogState, tuple[Array, Array]]:
        X, y, weight = (rows_of(a, k * lesson.size, lesson.size) for a in (lesson.X, lesson.y, lesson.weight))
        theta = learnt.theta
        z = X @ theta[:-1] + theta[-1]
        slope = jax.jvp(lambda z: stack(lesson.loss(Traced(z), Traced(y))), (z,), (jnp.ones_like(z),))[1]
        pull = jnp.where(weight > 0, weight * slope, 0.0)
        g = jnp.append(pull @ X + push(theta[:-1]), pull.sum())
        far = jnp.maximum(learnt.far, jnp.linalg.norm(theta - lesson.start))
        squares = learnt.squares + g @ g
        t = jnp.where(squares > 0, far / jnp.sqrt(squares), 0.0)
        k = learnt.updates + 1
        theta = theta - t * g
        average = learnt.average + (1 + DECAY) / (k + DECAY) * (theta - learnt.average)
        new = DogState(theta, average, far, squares, k)
        taught = (weight > 0).any()
        return jax.tree.map(lambda new, old: jnp.where(taught, new, old), new, learnt), (t, jnp.where(taught, g, 0.0))

    after, (t, g) = jax.lax.scan(update, learnt, jnp.arange(len(lesson.y) // lesson.size))
    return after, t[-1], g.sum(axis=0) / (after.updates - learnt.updates)


_learn_from = shared(_learn)


@dataclass
class Stream:
    """A linear model that learns from one block after another; between blocks its points are in the user's units."""

    model: Linear
    loss: losses.Loss
    ridge: float
    how: str
    size: int
    rng: np.random.Generator | None
    point: np.ndarray
    start: np.ndarray = field(init=False)
    average: np.ndarray = field(init=False)
    columns: Moments = field(init=False)
    target: Moments = field(init=False)
    far: float = FIRST_DISTANCE
    squares: float = 0.0
    updates: int = 0
    t: float = 0.0
    slope: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.start = self.average = self.point
        self.slope = np.full_like(self.point, np.nan)
        self.columns = Moments(self.how == "whiten" or (self.how == "auto" and len(self.point) <= WIDEST_GRAM))
        self.target = Moments(False)

    def cost(self, block: Block, point: np.ndarray) -> float:
        """Return the mean loss of a block."""
        with np.errstate(all="ignore"):
            z = self.model(block.X, point[:-1], point[-1])
            return float(np.average(self.loss(z, block.y), weights=block.weight))

    def value(self, block: Block) -> float:
        """Return the mean loss of a block at the answer so far, and the penalty."""
        return self.cost(block, self.average) + self.ridge / 2 * float(self.average[:-1] @ self.average[:-1])

    def begin(self, block: Block) -> None:
        """Start where the targets of the first block are: the way there is the longest of all."""
        if self.loss is losses.squared:
            middle = float(np.average(block.y, weights=block.weight))
            self.point = self.start = self.average = np.append(self.point[:-1], middle)

    def gains(self, block: Block) -> bool:
        """Tell whether the answer, with its penalty, is better on a block than the start, which predicts the mean."""
        return self.value(block) < self.cost(block, self.start)

    def learn(self, block: Block) -> None:
        """Learn from a block."""
        before = self.columns.scale if self.columns.rows else None
        if is_sparse(block.X) and self.columns.full:
            self.columns = self.columns.alone()
        self.columns.add(block.X, block.weight)
        if before is not None:
            self.rescale_after_drift(before)
        self.target.add(block.y, block.weight)
        at = self.coordinates()
        # Only the squared loss lets its targets be rescaled.
        middle, unit = (self.target.mean, float(self.target.scale)) if self.loss is losses.squared else (0.0, 1.0)

        def inward(point: np.ndarray) -> np.ndarray:
            return at.from_user(np.append(point[:-1], point[-1] - middle) / unit)

        def outward(theta: np.ndarray) -> np.ndarray:
            point = at.to_user(theta) * unit
            return np.append(point[:-1], point[-1] + middle)

        order = np.arange(len(block.y)) if self.rng is None else self.rng.permutation(len(block.y))
        share = block.weight[order] * (self.columns.rows / self.columns.mass / self.size)
        X, y, share = self.rows(block.X, order, at), *map(self.padded, ((block.y[order] - middle) / unit, share))
        with compiled_code():
            known = DogState(inward(self.point), inward(self.average), self.far, self.squares, self.updates)
            lesson = BlockBatches(X, y, share, inward(self.start), at.turn, self.ridge, self.loss, self.size)
            learnt, t, slope = jax.device_get(_learn_from(lesson, DogState(*(jnp.asarray(a, float) for a in known))))
        self.point, self.average = outward(learnt.theta), outward(learnt.average)
        self.far, self.squares = float(learnt.far), float(learnt.squares)
        self.updates, self.t, self.slope = int(learnt.updates), float(t), unit * at.slope(slope)

    def row(self, block: int, value: float, seconds: float) -> np.ndarray:
        """Return a row of the trace."""
        norm = float(np.linalg.norm(self.slope))
        return np.array([[self.updates, block, value, norm, self.t, seconds, min(block, 1)]])

    def rescale_after_drift(self, before: np.ndarray) -> None:
        """Shrink coefficients of columns that vary far more than when they were learnt."""
        kept = np.minimum(1.0, SURPRISE * before / self.columns.scale)
        for name in ("point", "average"):
            coef, intercept = getattr(self, name)[:-1], getattr(self, name)[-1]
            setattr(self, name, np.append(kept * coef, intercept + ((1 - kept) * coef) @ self.columns.mean))

    def coordinates(self) -> Coordinates:
        """Return the coordinates to learn in."""
        if self.how == "none":
            size = len(self.point) - 1
            return Coordinates(np.zeros(size), np.ones(size))
        return self.columns.coordinates(self.ridge / self.loss.curvature(float(self.target.mean)))

    def rows(self, X: Any, order: np.ndarray, at: Coordinates) -> Any:
        """Return rows in an order and in coordinates, padded."""
        if is_sparse(X):
            layout = Layout(len(order), self.size, self.whole(len(order)))
            return SparseColumns(X.astype(float), at.mean, at.turn, rounded=True).arranged(layout, order)
        scaled = (X[order] - at.mean) / at.scale
        return self.padded(scaled if at.basis is None else scaled @ at.basis)

    def padded(self, rows: np.ndarray) -> np.ndarray:
        """Return rows with rows of zeros behind them."""
        padded = np.zeros((self.whole(len(rows)), *rows.shape[1:]))
        padded[: len(rows)] = rows
        return padded

    def whole(self, rows: int) -> int:
        """Return how many rows a power of two of batches has that holds these: each number is compiled for."""
        return self.size << (-(-rows // self.size) - 1).bit_length()


def fit_stream(
    learner: Callable[[np.ndarray], Stream], model: Linear, blocks: Blocks, start: Any,
    seconds: float | None, callback: Callable[..., Any] | None, progress: bool | None,
) -> Fit:  # fmt: skip
    """Fit a linear model to a stream of blocks, and say that the answer is approximate.

    What was learnt is kept when a later block can't be read. `fun` of the fit is the loss of the last
    block before it was learnt from, and the penalty there.
    """
    began = time.perf_counter()
    first = next(blocks, None)
    if first is None:
        raise ValueError("the stream brought no rows: give an iterator of (X, y) blocks that was not read before")
    params = model.start(first.X, start)
    structure, _ = Structure.of(params)
    names = structure.names if first.names is None else (*first.names, "intercept")
    view = View(Calling(structure, spread=False), names)
    student = learner(np.append(params["coef"], params["intercept"]))
    if start is None:
        student.begin(first)
    recorder = Recorder(view.names, (*COLUMNS, "seconds", "epoch"))
    fun = student.value(first)
    recorder.append(student.row(0, fun, 0.0), student.average[None])
    outcome, count, rows, cause, block = Outcome.COMPLETED, 0, 0, "", first
    x, slope, nit = student.average, student.slope, 0

    def readable() -> Iterator[Block]:
        nonlocal outcome, cause
        yield first
        try:
            yield from blocks
        except Exception as error:  # noqa: BLE001 - a stream may raise anything, and what was learnt is kept
            outcome, cause = Outcome.RAISED, f"block {blocks.number} raised {type(error).__name__}: {error}; "

    with Progress.of(progress, "iteration", view.names) as shown:
        try:
            for block in readable():
                # Of rows that it has not learnt from yet, the loss is an honest one.
                value = student.value(block)
                student.learn(block)
                if not np.all(np.isfinite(student.average)):
                    student.average, outcome = x, Outcome.NON_FINITE
                    break
                elapsed = time.perf_counter() - began
                row = student.row(count + 1, value, elapsed)
                recorder.append(row, student.average[None])
                x, slope, nit, fun = student.average, student.slope, student.updates, value
                count, rows = count + 1, rows + len(block.y)
                shown.show(nit, value, row[0, 3], x, elapsed)
                if callback is not None:
                    callback(SimpleNamespace(x=view.point(x), fun=value, nit=nit, nfev=count))
                if seconds is not None and elapsed >= seconds:
                    outcome = Outcome.TIME_LIMIT
                    break
        except StopIteration:
            outcome = Outcome.CALLBACK
        except KeyboardInterrupt:
            # It may have come amid a block.
            outcome, student.average, cause = Outcome.INTERRUPTED, x, f"stopped at block {blocks.number}; "
        trace = recorder.trace()
        shown.finish(trace)
    outcome, said = concluded(outcome, cause, student.gains(block), block, rows, count)
    return Fit(
        x=view.point(x), fun=fun, jac=view.point(slope), nit=nit, nfev=count, njev=count, outcome=outcome, message=said,
        certificate=Certificate(), trace=trace, kind="traced", why="exact: the loss was traced and compiled",
        model=model, columns=first.names,
    )  # fmt: skip


def concluded(outcome: Outcome, cause: str, gains: bool, block: Block, rows: int, count: int) -> tuple[Outcome, str]:
    """Return how a stream ended, in words too: no success where its last block says that nothing was learnt."""
    if outcome is Outcome.COMPLETED and not gains and len(block.y) >= TELLING:
        outcome = Outcome.ITERATION_LIMIT
    worse = "" if gains else "on the last block it is no better than the start; "
    read = f"{rows:,} rows in {count:,} block{'s' * (count != 1)} read once, so that the answer is approximate"
    facts = f"{cause}{read}; {worse}{ADVICE}"
    # Where the stream is broken no other start would help, and one that was read through has no more epochs.
    if outcome in (Outcome.RAISED, Outcome.ITERATION_LIMIT):
        return outcome, f"{outcome}: {facts}"
    return outcome, message(outcome, facts, Certificate(), "epoch")
