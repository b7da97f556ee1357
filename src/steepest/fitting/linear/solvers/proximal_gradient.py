"""Proximal gradient steps of Barzilai-Borwein size for L1 penalties, F(θ) = f(θ) + Σ λⱼ |θⱼ|."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from steepest.derivatives.compiled import shared
from steepest.derivatives.differences import EPS
from steepest.descent.loop.solver import Status
from steepest.descent.loop.state import CANDIDATE, RUNNING, STALLED
from steepest.fitting.linear.glm import Glm
from steepest.fitting.linear.quadratic_l1 import min_norm_subgradient, soft_threshold
from steepest.fitting.linear.solvers.base import LinearSolver, chunk_of
from steepest.types import Array

# The model on its rows, and λ.
Model = tuple[Glm, Array]

# A step is accepted if the value falls by this share of the fall of the quadratic model. Wright, Nowak and Figueiredo
# take 0.01 to 1e-5.
SUFFICIENT = 1e-4
# The share of the remaining loss to stop at if no tolerance was given: without Hessians, the last digits take many
# steps. Measured, see docs/certificates.md.
NEAR_WIDE = 1e-8
# The descent has stalled after this many steps without a fall. Chosen, not measured: a smaller number would stop at a
# rise by rounding alone.
MOST_IDLE = 3
# A step may raise the value up to the largest of the last RECENT values. Chosen, not measured: a larger number allows
# longer rises.
RECENT = 5


class State(NamedTuple):
    """The state of a proximal gradient descent. Saved folders hold the fields in this order.

    `smooth_gradient` is ∇f, `gradient` the shortest subgradient of F, `curvature` one over the next step size, `recent`
    the last values, `flattest` the least curvature met, and `idle` the number of steps without a fall.
    """

    x: Array
    value: Array
    smooth_gradient: Array
    gradient: Array
    z: Array
    curvature: Array
    recent: Array
    iteration: Array
    evaluations: Array
    first_value: Array
    estimate: Array
    flattest: Array
    steepest: Array
    best_x: Array
    best_value: Array
    idle: Array
    code: Array


def begin(model: Model, x: Array, curvature: Array) -> State:
    """Return the state at a start."""
    glm, lam = model
    f, g, z = glm.value_and_grad(x)
    value, none, zero = f + lam @ jnp.abs(x), jnp.zeros(()), jnp.zeros((), int)
    v = min_norm_subgradient(g, x, lam)
    estimate = v @ v / (2 * curvature)
    code = jnp.where(estimate <= glm.rounding(value), CANDIDATE, RUNNING)
    recent = jnp.full(RECENT, value)
    return State(
        x, value, g, v, z, jnp.asarray(curvature, float), recent, zero, zero + 1, glm.reference_value(value), estimate,
        none + jnp.inf, none, x, value, zero, code,
    )  # fmt: skip


def step(model: Model, here: State, tolerance: Array, watch: Array) -> tuple[State, Array]:
    """Try one proximal step of Barzilai-Borwein size; a rejected step is tried again with half the size.

    SpaRSA: Wright, Nowak and Figueiredo, "State reconstruction by separable approximation" (2009).
    """
    glm, lam = model
    a = here.curvature
    x = soft_threshold(here.x - here.smooth_gradient / a, lam / a)
    there = state_at(glm, lam, here, x)
    s, y = x - here.x, there.smooth_gradient - here.smooth_gradient
    ss, sy = s @ s, s @ y
    enough = jnp.max(here.recent) - SUFFICIENT / 2 * a * ss + 4 * EPS * jnp.abs(here.value)
    accepted = there.value <= enough
    bb = jnp.where(sy > 0, sy / ss, a / 2)
    flattest = jnp.where(sy > 0, jnp.minimum(here.flattest, bb), here.flattest)
    there = there._replace(
        curvature=jnp.clip(bb, 1e-8 * a, 1e8 * a),
        flattest=flattest,
        recent=jnp.roll(here.recent, 1).at[0].set(there.value),
    )
    v = there.gradient
    there = with_code(glm, here, there, v @ v / (2 * flattest), tolerance, ss == 0, watch)
    stays = here._replace(curvature=2 * a, evaluations=there.evaluations, code=jnp.where(ss == 0, STALLED, RUNNING))
    return jax.tree.map(lambda new, old: jnp.where(accepted, new, old), there, stays), 1 / a


def state_at(glm: Glm, lam: Array, here: State, x: Array) -> State:
    """Return the state at a new point."""
    f, g, z = glm.value_and_grad(x)
    s, y = x - here.x, g - here.smooth_gradient
    curvature, value = (s @ y) / (s @ s), f + lam @ jnp.abs(x)
    better = value < here.best_value
    return here._replace(
        x=x, value=value, smooth_gradient=g, best_x=jnp.where(better, x, here.best_x),
        best_value=jnp.where(better, value, here.best_value), gradient=min_norm_subgradient(g, x, lam), z=z,
        steepest=jnp.where(curvature > 0, jnp.maximum(here.steepest, curvature), here.steepest),
        iteration=here.iteration + 1, evaluations=here.evaluations + 1,
    )  # fmt: skip


def with_code(
    glm: Glm, here: State, there: State, estimate: Array, tolerance: Array, stuck: Array, watch: Array
) -> State:  # fmt: skip
    """Return the state with its estimate of the gap, and the code: near the minimum, stalled, or running."""
    rounding = glm.rounding(there.value)
    near = estimate <= jnp.maximum(glm.target_gap(tolerance, here.first_value, there.value), rounding)
    idle = jnp.where(there.value < here.value - rounding, 0, here.idle + 1)
    code = jnp.where(near | (watch > 1), CANDIDATE, jnp.where(idle >= MOST_IDLE, STALLED, RUNNING))
    code = jnp.where(stuck & ~near, STALLED, code)
    return there._replace(estimate=estimate, idle=idle, code=code)


class ProximalGradientSolver(LinearSolver[Model, State]):
    """Proximal gradient steps, for an L1 penalty on more coefficients than proximal Newton serves."""

    begin, chunk = staticmethod(shared(begin)), staticmethod(chunk_of(step))

    def __init__(self, glm: Glm, lam: Array, curvature: float, *arguments: Any) -> None:
        super().__init__((glm, lam), curvature, *arguments)

    @property
    def glm(self) -> Glm:
        """The model on its rows."""
        return self.model[0]

    @property
    def status(self) -> Status:
        """The progress so far, with the best point, as steps may raise the value."""
        state = self.state
        return super().status._replace(best_x=np.asarray(state.best_x), best_value=float(state.best_value))

    @property
    def estimate(self) -> float:
        """An estimate of how far the value is above the minimum."""
        return float(self.state.estimate)

    @property
    def smoothing(self) -> None:
        """None: this solver serves only losses without kinks."""

    @property
    def last_tolerance(self) -> float:
        """The share of the remaining loss to stop at if no tolerance was given."""
        return NEAR_WIDE
