"""L-BFGS with an exact search in the plane of the direction and the last step, for generalised linear models.

A step costs two readings of X, one for A d and one for the gradient, which is one evaluation: the
search goes along vectors that are carried.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from steepest.derivatives.bounds import Box
from steepest.derivatives.compiled import shared
from steepest.derivatives.differences import EPS
from steepest.derivatives.objective import Objective
from steepest.derivatives.precision import double_precision
from steepest.descent.directions import LBFGS
from steepest.descent.state import CANDIDATE, COLUMNS, RUNNING, STALLED, Rules
from steepest.fitting.glm import Glm
from steepest.fitting.plane import search
from steepest.fitting.recession import separates

Array = Any

MOST_ROWS = 64
MOST_NUMBERS = 2**18
MOST_IDLE = 4
CAUTIOUS = 200


class Stand(NamedTuple):
    """Where the descent stands: the point, the way from it, the last step with its product, and what was seen."""

    x: Array
    value: Array
    gradient: Array
    z: Array
    direction: Array
    step: Array
    along_step: Array
    pairs: Any
    iteration: Array
    evaluations: Array
    first_value: Array
    estimate: Array
    flattest: Array
    steepest: Array
    resets: Array
    idle: Array
    code: Array

    @property
    def best_x(self) -> Array:
        """The point itself: the search never goes up."""
        return self.x

    @property
    def best_value(self) -> Array:
        """The value there."""
        return self.value

    @property
    def non_finite(self) -> int:
        """How many points were evaluated where f is not finite; the search meets them in its plane alone."""
        return 0


def begin(glm: Glm, x: Array, curvature: Array) -> Stand:
    """Stand at a start, where the loss's curvature is all that is known."""
    value, gradient, z = glm.slope(x)
    zero, none = jnp.zeros((), int), jnp.asarray(0.0)
    direction, pairs = LBFGS()(gradient, LBFGS().start(x), x)
    direction = direction / curvature
    estimate = -(gradient @ direction) / 2
    code = jnp.where(estimate <= 4 * EPS * jnp.abs(value), CANDIDATE, RUNNING)
    return Stand(
        x, value, gradient, z, direction, jnp.zeros_like(x), jnp.zeros_like(z), pairs, zero, zero + 1, value, estimate,
        jnp.asarray(jnp.inf), none, zero, zero, code,
    )  # fmt: skip


def turn(glm: Glm, here: Stand, tolerance: Array) -> tuple[Stand, Array]:
    """Take one step, and turn at its end; also return the part of it that went along the direction."""
    d, s = here.direction, here.step
    along = glm.along(d)
    w, W = glm.weights(here.x[:-1]), jnp.stack([glm.weights(d[:-1]), glm.weights(s[:-1])])
    a, _ = search(glm, here.z, jnp.stack([along, here.along_step]), w, W, here.value)
    step = a[0] * d + a[1] * s
    x = here.x + step
    value, gradient, z = glm.slope(x)
    way, pairs = LBFGS()(gradient, here.pairs, x)
    lost = ~(gradient @ way < 0)
    way = jnp.where(lost, -gradient, way)

    y = gradient - here.gradient
    curvature = (step @ y) / (step @ step)
    flattest = jnp.where(curvature > 0, jnp.minimum(here.flattest, curvature), here.flattest)
    steepest = jnp.where(curvature > 0, jnp.maximum(here.steepest, curvature), here.steepest)
    estimate = -(gradient @ way) / 2
    if x.size > CAUTIOUS:
        estimate = jnp.maximum(estimate, gradient @ gradient / (2 * flattest))
    rounding = 4 * EPS * jnp.abs(value)
    near = estimate <= jnp.maximum(tolerance * (here.first_value - value), rounding)
    idle = jnp.where(value < here.value - rounding, 0, here.idle + 1)
    code = jnp.where(near | separates(glm, z), CANDIDATE, jnp.where(idle >= MOST_IDLE, STALLED, RUNNING))
    there = Stand(
        x, value, gradient, z, way, step, a[0] * along + a[1] * here.along_step, pairs, here.iteration + 1,
        here.evaluations + 1, here.first_value, estimate, flattest, steepest, here.resets + lost, idle, code,
    )  # fmt: skip
    worse = ~(value <= here.value + rounding) | jnp.all(step == 0)
    stays = here._replace(evaluations=there.evaluations, code=jnp.asarray(STALLED))
    return jax.tree.map(lambda old, new: jnp.where(worse, old, new), stays, there), a[0]


def capacity_of(size: int) -> int:
    """Return how many rows of the trace a chunk may hold."""
    return int(np.clip(MOST_NUMBERS // (len(COLUMNS) + size), 1, MOST_ROWS))


@shared
def _begin(glm: Glm, x: Array, curvature: Array) -> Stand:
    return begin(glm, x, curvature)


@shared
def _chunk(glm: Glm, stand: Stand, limits: Array) -> tuple[Stand, Array]:
    """Take steps until a limit of (rows, evaluations, tolerance); return them as rows of the trace."""
    first, stop = stand.iteration, stand.evaluations + limits[1]

    def going(carry: tuple[Stand, Array]) -> Array:
        here = carry[0]
        return (here.code == RUNNING) & (here.iteration - first < limits[0]) & (here.evaluations < stop)

    def body(carry: tuple[Stand, Array]) -> tuple[Stand, Array]:
        here, rows = carry
        there, t = turn(glm, here, limits[2])
        # The row of a step that was not taken is cut off with the rest.
        return there, rows.at[here.iteration - first].set(row_of(there, t))

    rows = jnp.zeros((capacity_of(stand.x.size), len(COLUMNS) + stand.x.size))
    return jax.lax.while_loop(going, body, (stand, rows))


def row_of(stand: Any, t: Array) -> Array:
    """Return a row of the trace; t is the step that led there."""
    norm = jnp.linalg.norm(stand.gradient)
    head = [stand.iteration, stand.evaluations, stand.value, norm, t]
    return jnp.concatenate([jnp.stack([jnp.asarray(number, float) for number in head]), stand.x])


class PlaneEngine:
    """One descent under way, as the driver sees it.

    Parameters
    ----------
    glm : Glm
        What is descended.
    curvature : float
        The loss's second derivative, as it is on the whole.
    objective, rules, sign, tolerance, start, box
        As for `steepest.descent.engine.Engine`; no rules but its own are needed, and no box.
    """

    begin, chunk = staticmethod(_begin), staticmethod(_chunk)

    def __init__(
        self, glm: Glm, curvature: float, objective: Objective, rules: Rules, sign: float, tolerance: float,
        start: np.ndarray, box: Box | None = None,
    ) -> None:  # fmt: skip
        self.glm, self.objective, self.sign, self.box = glm, objective, sign, box
        self.tolerance, self.start, self.gaps = tolerance, start, 0
        with double_precision():
            self.stand(self.begin(glm, start, curvature))

    def stand(self, stand: Any) -> None:
        """Stand at a state; what the driver reads of it becomes NumPy's."""
        self._stand = stand
        small = {name: value for name, value in stand._asdict().items() if name not in _CARRIED}
        self.state = stand._replace(**jax.device_get(small))

    def mark(self, code: int) -> None:
        """Change what is said of the point where the descent stands."""
        with double_precision():
            self._stand = self._stand._replace(code=jnp.asarray(code))
        self.state = self.state._replace(code=code)

    def row(self, t: float = 0.0) -> np.ndarray:
        """Return where the descent stands as a row of the trace."""
        with double_precision():
            return np.array(row_of(self._stand, t))

    def run(self, rows: int, evaluations: int, together: int) -> np.ndarray:
        """Go on for at most so many rows and evaluations, and return the rows."""
        rows = min(rows, capacity_of(self.start.size))
        before = int(self.state.iteration)
        with double_precision():
            stand, recorded = self.chunk(self.glm, self._stand, np.array([rows, evaluations, self.tolerance]))
            self.stand(stand)
            return np.array(recorded)[: int(self.state.iteration) - before]


_CARRIED = ("z", "along_step", "pairs")
