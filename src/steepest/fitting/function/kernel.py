"""Levenberg-Marquardt as one compiled call, for small problems: the descent, the audit and the rows of the trace.

It takes the same steps as `LeastSquaresSolver`, with the same constants, and agrees with it up to rounding. A small
problem spends most of its time between two calls of compiled code: here there is one call.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from steepest.derivatives.compiled import Compiled
from steepest.derivatives.differences import EPS
from steepest.derivatives.precision import compiled_code
from steepest.descent.loop.state import CANDIDATE, COLUMNS, NON_FINITE, RUNNING, STALLED
from steepest.descent.verdict.modes import NARROW
from steepest.descent.verdict.rays import DRIVEN
from steepest.fitting.function.hessian import FAINT, SAFELY
from steepest.fitting.function.least_squares import ENOUGH
from steepest.fitting.function.levenberg import MOST_SEARCHED, ROUNDED, LevenbergMarquardt
from steepest.fitting.function.residuals import DRAWS, columns_of, errors_of, second_order_by_rows
from steepest.types import Array, Function, PyTree

# The most rows of the trace, and the most evaluations: a longer descent is left to `LeastSquaresSolver`. Chosen, not
# measured: all rows are copied after each call, however few there are.
MOST_ROWS, MOST_EVALUATIONS = 256, 1_024
# The purpose of the next evaluation: the first value, a step of Levenberg-Marquardt, the Hessian at the same point, or
# a step by that Hessian.
BEGIN, TRY, LOOK, POLISH = range(4)

# θ -> [J ρ], the Jacobian of the residuals beside the residuals.
Columns = Callable[[Array], Array]
# θ -> Σ ρᵢ ∇²ρᵢ, and the same sum with rounding errors in place of ρ, several times.
SecondOrder = Callable[[Array], Array]


class Facts(NamedTuple):
    """The numbers of the data that rounding errors depend on, as `Residuals` has them."""

    size: Array
    rows: Array


class Descended(NamedTuple):
    """The result of a descent, unpacked from the vector that compiled code returns.

    Attributes
    ----------
    code : int
        CANDIDATE where the descent rests; any other code is for `LeastSquaresSolver`.
    iteration, evaluations, non_finite : int
        The counters of the solver.
    value, first_value, region, taken : float
        Its numbers.
    noise : float
        The rounding error of the value.
    decrement, floor, smallest, largest : float
        Those of the audit.
    is_minimum : bool
        Whether all curvatures are positive beyond their error, so that the audit is complete.
    x, gradient, scale, step, error : array of shape (n,)
        The answer, the gradient there, the scale D of the solver, Newton's step, and the error of each parameter.
    rows : array of shape (MOST_ROWS, 5 + n)
        The rows of the trace; those after the last iteration are 0.
    """

    code: int
    iteration: int
    evaluations: int
    non_finite: int
    value: float
    first_value: float
    region: float
    taken: float
    noise: float
    decrement: float
    floor: float
    smallest: float
    largest: float
    is_minimum: bool
    x: np.ndarray
    gradient: np.ndarray
    scale: np.ndarray
    step: np.ndarray
    error: np.ndarray
    rows: np.ndarray

    @classmethod
    def unpacked(cls, vector: np.ndarray, size: int) -> Descended:
        """Return the result from the vector of `packed`, for `size` parameters."""
        head = vector[:NUMBERS].tolist()
        middle = NUMBERS + VECTORS * size
        rows = vector[middle:].reshape(MOST_ROWS, len(COLUMNS) + size)
        code, iteration, evaluations, non_finite = map(int, head[:4])
        x, gradient, scale, step, error = vector[NUMBERS:middle].reshape(VECTORS, size)
        value, first_value, region, taken, noise, decrement, floor, smallest, largest, is_minimum = head[4:]
        return cls(
            code, iteration, evaluations, non_finite, value, first_value, region, taken, noise, decrement, floor,
            smallest, largest, is_minimum > 0, x, gradient, scale, step, error, rows,
        )  # fmt: skip

    def is_clear(self, start: np.ndarray) -> bool:
        """Tell whether the `Judge` would end the descent here as converged, without a further step or value."""
        if self.code != CANDIDATE or not self.is_minimum or not self.decrement <= self.floor:
            return False
        gained = max(self.first_value, 2 * self.value) - self.value
        if not (0 < self.largest < math.inf and self.decrement <= gained):
            return False
        # Numbers of Python: for so few parameters they take less time than arrays.
        for x, begun, step, error in zip(*(a.tolist() for a in (self.x, start, self.step, self.error)), strict=True):
            size, least = abs(x), min(abs(begun), 1.0)
            is_near = abs(step) <= NARROW * max(size, least) and size <= DRIVEN * max(abs(begun), 1.0)
            if not (is_near and error <= size):
                return False
        return True


# How many fields of `Descended` are numbers, and how many are vectors of the parameters.
NUMBERS, VECTORS = 14, 5


class Curved(NamedTuple):
    """The Hessian as `hessian.Hessian` has it, with the second-order term; in coordinates where JᵀJ is the identity."""

    W: Array
    curvatures: Array
    slopes: Array
    curvature_error: Array
    slope_error: Array
    matrix: Array

    @property
    def positive(self) -> Array:
        return self.curvatures > self.curvature_error

    @property
    def negative(self) -> Array:
        return self.curvatures < -self.curvature_error

    @property
    def step(self) -> Array:
        """Newton's step in the parameters."""
        return self.W @ jnp.where(self.positive, -self.slopes / self.curvatures, 0.0)

    @property
    def decrement(self) -> Array:
        level = ~(self.positive | self.negative) & (jnp.abs(self.slopes) > self.slope_error)
        divisor = jnp.where(self.positive, self.curvatures, jnp.where(level, self.curvature_error, jnp.inf))
        return jnp.sum(self.slopes**2 / divisor)


class State(NamedTuple):
    """The state of a descent before an evaluation at `x + step`, which `phase` has the reason of.

    Attributes
    ----------
    length, damping, slope, predicted, gauss_newton
        Those of the step, as `levenberg.Step` has them, and the length of the Gauss-Newton step.
    newton
        The gain that Newton's step would have, infinite if the Hessian is not known.
    counters
        Iterations, evaluations, and evaluations where the residuals were not finite.
    """

    phase: Array
    code: Array
    x: Array
    triangle: Array
    value: Array
    scale: Array
    region: Array
    noise: Array
    taken: Array
    first_value: Array
    counters: Array
    step: Array
    length: Array
    damping: Array
    slope: Array
    predicted: Array
    gauss_newton: Array
    newton: Array
    hessian: Curved
    rows: Array


class Evaluated(NamedTuple):
    """A point that was evaluated: the R of [J ρ], the value, the norms of the columns of J, and the Hessian."""

    x: Array
    triangle: Array
    value: Array
    norms: Array
    hessian: Curved
    has_values: Array
    is_finite: Array


class Step(NamedTuple):
    """A step, as `levenberg.Step` has it, with the length of the Gauss-Newton step and the gain of that step."""

    p: Array
    length: Array
    damping: Array
    slope: Array
    predicted: Array
    gauss_newton: Array
    decrement: Array


def descent_of(pure: Function) -> Function:
    """Return the descent of a traced model as a function of its numbers, the arrays that it reads, and its rows.

    `numbers` are the size and the effective number of rows of `Facts`, the start, the targets, and √(w / Σw) of each
    row: one array in place of four, as JAX copies each to the device apart, which takes as long as some iterations.
    """
    errors = errors_of(pure)
    columns, second_order = columns_of(errors), second_order_by_rows(errors)

    def run(numbers: Array, closed: tuple[Array, ...], X: Array) -> Array:
        rows = len(X)
        x, y, root = numbers[2 : -2 * rows], numbers[-2 * rows : -rows], numbers[-rows:]
        return descend(
            lambda x: columns(x, closed, X, y, root),
            lambda x: second_order(x, closed, X, y, root),
            x, Facts(numbers[0], numbers[1]),
        )  # fmt: skip

    return run


def descended(
    traced: Compiled, closed: tuple[Array, ...], X: np.ndarray, y: np.ndarray, root: np.ndarray, x: np.ndarray,
    size: float, rows: float,
) -> Descended:  # fmt: skip
    """Run the descent of a traced model from x, for rows with the square roots of their shares of the weight.

    `size` and `rows` are those of `Residuals`.
    """
    run = traced.loop("curve", lambda: descent_of(traced.pure), brief=True)
    numbers = np.concatenate([(size, rows), x, y, root])
    with compiled_code():
        vector = np.asarray(run(numbers, closed, X))
    return Descended.unpacked(vector, x.size)


def descend(columns: Columns, second_order: SecondOrder, x: Array, facts: Facts) -> Array:
    """Return the descent from x as one vector, which `Descended.unpacked` reads."""
    state = jax.lax.while_loop(
        lambda s: (s.code == RUNNING) & (s.counters[0] < MOST_ROWS - 1) & (s.counters[1] < MOST_EVALUATIONS),
        lambda s: advanced(columns, second_order, s, facts),
        begun(x),
    )
    return packed(state, facts)


def begun(x: Array) -> State:
    """Return the state before the first evaluation."""
    n, zero = x.size, jnp.zeros(())
    vector, square = jnp.zeros(n), jnp.zeros((n, n))
    return State(
        phase=jnp.asarray(BEGIN), code=jnp.asarray(RUNNING), x=x, triangle=jnp.zeros((n, n + 1)), value=zero,
        scale=vector, region=zero, noise=zero, taken=zero + 1, first_value=zero, counters=jnp.zeros(3, int),
        step=vector, length=zero, damping=zero, slope=zero, predicted=zero, gauss_newton=zero, newton=zero,
        hessian=Curved(square, vector, vector, vector, vector, square),
        rows=jnp.zeros((MOST_ROWS, len(COLUMNS) + n)),
    )  # fmt: skip


def advanced(columns: Columns, second_order: SecondOrder, s: State, facts: Facts) -> State:
    """Return the state after one evaluation; only this part is the user's own code."""
    x = s.x + s.step
    asks = (s.phase == LOOK) | (s.phase == POLISH)
    parts = jax.lax.cond(asks, lambda: second_order(x), lambda: jnp.zeros((DRAWS + 1, x.size, x.size)))
    return moved(s, evaluated(s, x, columns(x), parts, facts), facts)


# JAX keeps the traces of the next two functions, so that the next model with as many parameters need not trace them.
@jax.jit
def evaluated(s: State, x: Array, found: Array, parts: Array, facts: Facts) -> Evaluated:
    """Return the point x with its [J ρ], and with its Hessian if the state asks for it."""
    has_values, is_finite = jnp.all(jnp.isfinite(found[:, -1])), jnp.all(jnp.isfinite(found))
    reduced = jnp.linalg.qr(jnp.where(is_finite, found, 0.0), mode="r")
    # The last row of R is the part of ρ that no step changes.
    triangle, value = reduced[: x.size], jnp.where(is_finite, jnp.sum(reduced[:, x.size] ** 2), jnp.nan)
    norms = column_norms(triangle)
    hessian = jax.lax.cond(
        (s.phase == LOOK) | (s.phase == POLISH),
        lambda: hessian_at(parts, triangle, value, norms, x, facts),
        lambda: s.hessian,
    )
    return Evaluated(x, triangle, value, norms, hessian, has_values, is_finite)


@jax.jit
def moved(s: State, found: Evaluated, facts: Facts) -> State:
    """Return the state after an evaluation, with the next step."""
    begins, tries, looks, polishes = (s.phase == phase for phase in (BEGIN, TRY, LOOK, POLISH))
    fall = s.value - found.value
    ratio = fall / s.predicted
    good = tries & found.is_finite & (ratio > ENOUGH)
    better = polishes & (found.value <= s.value + s.noise) & (found.hessian.decrement < s.newton)
    accepted, moves, has_hessian = begins | good | looks | better, good | better, looks | better

    def current(new: PyTree, old: PyTree) -> PyTree:
        return jax.tree.map(lambda new, old: jnp.where(accepted, new, old), new, old)

    x, triangle, value, hessian = current(
        (found.x, found.triangle, found.value, found.hessian), (s.x, s.triangle, s.value, s.hessian)
    )
    # A parameter that has no influence at the start keeps its own units.
    wider = jnp.where(begins, jnp.where(found.norms > 0, found.norms, 1.0), jnp.maximum(s.scale, found.norms))
    scale, noise = current((wider, rounding(value, found.norms, x, facts)), (s.scale, s.noise))
    reach = jnp.linalg.norm(scale * x)
    region = jnp.where(tries, next_region(s, ratio, fall, found.is_finite), s.region)
    region = jnp.where(begins, LevenbergMarquardt().reach * jnp.where(reach > 0, reach, 1.0), region)
    step = next_step(triangle, scale, region)

    stalls = tries & ~good & ((s.length <= EPS * reach) | (s.length == 0))
    rests = (polishes & ~better) | ((begins | good) & (step.decrement <= 0))
    code = jnp.where(stalls, STALLED, jnp.where(rests, CANDIDATE, RUNNING))
    # Gradients that are not finite, and negative curvature, are for the other solver.
    unfit = (found.is_finite != found.has_values) | (begins & ~found.is_finite) | (has_hessian & is_unfit(hessian))
    whole = jnp.where(s.gauss_newton > 0, s.gauss_newton, s.length)
    taken = jnp.where(good, s.length / whole, jnp.where(better, 1.0, s.taken))
    counters = s.counters + jnp.stack([moves, ~looks, tries & ~found.has_values]).astype(s.counters.dtype)
    gradient, place = slopes(triangle), counters[0]
    row = jnp.concatenate([jnp.stack([*counters[:2], value, jnp.linalg.norm(gradient), taken]), x])
    polish = step.decrement <= noise
    by_hessian = jnp.where(has_hessian, hessian.step, 0.0)
    return State(
        phase=jnp.where(polish, jnp.where(has_hessian, POLISH, LOOK), TRY), code=jnp.where(unfit, NON_FINITE, code),
        x=x, triangle=triangle, value=value, scale=scale, region=region, noise=noise, taken=taken,
        first_value=jnp.where(begins, value, s.first_value), counters=counters,
        step=jnp.where(polish, by_hessian, step.p), length=step.length, damping=step.damping, slope=step.slope,
        predicted=step.predicted, gauss_newton=step.gauss_newton,
        newton=jnp.where(has_hessian, hessian.decrement, jnp.inf), hessian=hessian,
        rows=s.rows.at[place].set(jnp.where(begins | moves, row, s.rows[place])),
    )  # fmt: skip


def next_step(triangle: Array, scale: Array, region: Array) -> Step:
    """Return the next step by the linear model of the residuals: J = U S V D, c = Uᵀρ."""
    n = scale.size
    U, singular, V = jnp.linalg.svd(triangle[:, :n] / scale)
    known = is_known(singular)
    singular, c = jnp.where(known, singular, 1.0), jnp.where(known, U.T @ triangle[:, n], 0.0)
    mu = damping(singular, c, region)
    q = -singular * c / (singular**2 + mu)
    return Step(
        V.T @ q / scale, jnp.linalg.norm(q), mu, 2 * jnp.sum(singular * c * q),
        jnp.sum((singular**2 + 2 * mu) * q**2), jnp.linalg.norm(c / singular), c @ c,
    )  # fmt: skip


def slopes(triangle: Array) -> Array:
    """Return the gradient, 2 Jᵀρ."""
    return 2 * triangle[:, :-1].T @ triangle[:, -1]


def next_region(s: State, ratio: Array, fall: Array, is_finite: Array) -> Array:
    """Return the next Δ after a step, as `LevenbergMarquardt.next_region` does."""
    least = jnp.where(fall >= 0, 0.5, s.slope / (2 * (s.slope + fall)))
    shrunk = jnp.clip(least, 0.1, 0.5) * jnp.minimum(s.region, 10 * s.length)
    grown = jnp.where((ratio >= 0.75) | (s.damping == 0), 2 * s.length, s.region)
    return jnp.where(is_finite, jnp.where(ratio > 0.25, grown, shrunk), s.length / 10)


def damping(singular: Array, c: Array, region: Array) -> Array:
    """Return the μ for which ‖D p‖ is Δ within 10 %, as `LinearModel.damping` does."""

    def damped(mu: Array) -> Array:
        return singular * c / (singular**2 + mu)

    def searches(search: tuple[Array, ...]) -> Array:
        times, _, _, mu = search
        is_off = jnp.abs(jnp.linalg.norm(damped(mu)) - region) > 0.1 * region
        return ~is_short & is_off & (times < MOST_SEARCHED)

    def searched(search: tuple[Array, ...]) -> tuple[Array, ...]:
        times, low, high, mu = search
        q = damped(mu)
        length = jnp.linalg.norm(q)
        low, high = jnp.where(length > region, mu, low), jnp.where(length > region, high, mu)
        mu += (length / region - 1) * length**2 / jnp.sum(q**2 / (singular**2 + mu))
        inside = (low < mu) & (mu < high)
        return times + 1, low, high, jnp.where(inside, mu, jnp.maximum(1e-3 * high, jnp.sqrt(low * high)))

    is_short = jnp.linalg.norm(c / singular) <= 1.1 * region
    high = jnp.linalg.norm(singular * c) / region
    *_, mu = jax.lax.while_loop(searches, searched, (jnp.asarray(0), jnp.zeros(()), high, 1e-3 * high))
    return jnp.where(is_short, 0.0, mu)


def is_known(singular: Array) -> Array:
    """Return which singular values, in falling order, are more than rounding noise next to the first."""
    return singular > ROUNDED * EPS * singular.size * jnp.maximum(singular[0], 1e-300)


def is_unfit(hessian: Curved) -> Array:
    """Tell whether a Hessian has negative curvature, or is not finite."""
    return jnp.any(hessian.negative) | ~jnp.all(jnp.isfinite(hessian.curvatures + hessian.curvature_error))


def hessian_at(parts: Array, triangle: Array, value: Array, norms: Array, x: Array, facts: Facts) -> Curved:
    """Return the Hessian from the R of [J ρ] and the parts of the second-order term, as `Hessian.at` does."""
    n = x.size
    matrix, drawn = parts[0], parts[1:]
    error = SAFELY * (jnp.linalg.norm(drawn, axis=0) + EPS * jnp.abs(matrix))
    scale = jnp.where(norms > 0, norms, 1.0)
    U, singular, V = jnp.linalg.svd(triangle[:, :n] / scale)
    known = is_known(singular)
    first = jnp.where(singular[0] > 0, singular[0], 1.0)
    whiten = V.T / jnp.where(known, singular, first) / scale[:, None]
    curvatures, vectors = jnp.linalg.eigh(jnp.diag(1.0 * known) + whiten.T @ matrix @ whiten)
    slopes = vectors.T @ jnp.where(known, U.T @ triangle[:, n], 0.0)
    W = whiten @ vectors
    size = jnp.abs(W)
    curvature_error = SAFELY * EPS * n * jnp.abs(curvatures).max() + jnp.sum(size * (error @ size), axis=0)
    share = SAFELY / jnp.sqrt(facts.rows)
    slope_error = (share * EPS * jnp.sqrt(value) * norms) @ size + share * EPS * length(norms, x, facts)
    return Curved(W, curvatures, slopes, curvature_error, slope_error, matrix)


def rounding(value: Array, norms: Array, x: Array, facts: Facts) -> Array:
    """Return how much two values may differ by rounding alone, as `hessian.rounding` does."""
    size = EPS * length(norms, x, facts)
    return SAFELY * (EPS * value + 2 * jnp.sqrt(value / facts.rows) * size + size**2)


def length(norms: Array, x: Array, facts: Facts) -> Array:
    """Return the length of the terms that ρ is computed from: the data, and the effect of each parameter on it."""
    return jnp.hypot(facts.size, jnp.linalg.norm(norms * x))


def column_norms(triangle: Array) -> Array:
    """Return the norms of the columns of J from the R of [J ρ], also where their squares would vanish."""
    columns = triangle[:, :-1]
    largest = jnp.abs(columns).max(axis=0)
    unit = jnp.where(largest > 0, largest, 1.0)
    return unit * jnp.linalg.norm(columns / unit, axis=0)


@jax.jit
def packed(s: State, facts: Facts) -> Array:
    """Return the numbers of a finished descent as one vector, with those of its audit."""
    n, hessian = s.x.size, s.hessian
    up = hessian.positive
    curvatures = jnp.where(up, hessian.curvatures, 1.0)
    whole = 2 * (s.triangle[:, :n].T @ s.triangle[:, :n] + hessian.matrix)
    # Compute the smallest eigenvalue from the inverse, as `audit_squares` does.
    inverse = hessian.W / jnp.sqrt(2 * curvatures)
    smallest = 1 / jnp.linalg.eigvalsh(inverse @ inverse.T)[-1]
    floor = jnp.maximum(s.noise, jnp.minimum(jnp.sum(hessian.slope_error**2 / curvatures), FAINT * s.value))
    by_slopes = hessian.W * (hessian.slope_error / curvatures)
    error = jnp.abs(hessian.step) + jnp.linalg.norm(by_slopes, axis=1) + EPS * jnp.abs(s.x)
    has_slope = jnp.any(jnp.abs(hessian.slopes) > hessian.slope_error)
    numbers = jnp.stack([
        s.code, *s.counters, s.value, s.first_value, s.region, s.taken, s.noise, hessian.decrement, floor,
        smallest, jnp.linalg.eigvalsh(whole)[-1], jnp.all(up),
    ])  # fmt: skip
    gradient = slopes(s.triangle)
    step = jnp.where(has_slope, hessian.step, 0.0)
    return jnp.concatenate([numbers, s.x, gradient, s.scale, step, error, s.rows.ravel()])
