"""Newton's method in a box: each step leads to the minimum of a quadratic model within the bounds of the coefficients.

A coefficient whose optimum is a bound ends exactly on it. Non-negative least squares takes one such step, and a second
one for the last digits. The step, its bound and the smoothing of losses with kinks are those of `newton`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from steepest.derivatives.bounds import Box
from steepest.derivatives.compiled import shared
from steepest.derivatives.differences import EPS
from steepest.derivatives.precision import compiled_code
from steepest.descent.loop.solver import Status
from steepest.descent.loop.state import RUNNING
from steepest.fitting.linear.certificates.base import Measurement
from steepest.fitting.linear.certificates.box import Edges, bound_parts
from steepest.fitting.linear.certificates.working_set import is_wide, step_in_box
from steepest.fitting.linear.glm import Glm
from steepest.fitting.linear.quadratic.products import read_columns
from steepest.fitting.linear.solvers.base import row_of
from steepest.fitting.linear.solvers.newton import CLOSER, HessianSolver, SearchResult, State, initial_state, step_along
from steepest.fitting.linear.solvers.proximal_newton import MOST_IDLE, NEAR_BOTH, halving_search
from steepest.models.losses import squared
from steepest.types import Array, PyTree


@dataclass(frozen=True)
class BoxStep:
    """Newton's step in a box: the search halves the step until F falls enough."""

    most_idle: ClassVar[int] = MOST_IDLE
    rests: ClassVar[bool] = True
    glm: Glm
    edges: Edges

    def smoothed(self, smoothing: Array | None) -> BoxStep:
        """Return the method for the loss with another smoothing."""
        return replace(self, glm=replace(self.glm, smoothing=smoothing))

    def at(self, glm: Glm, x: Array, known: Array) -> dict[str, Array]:
        """Return the fields of the state that depend on the point alone; `known` is the Hessian at an earlier point."""
        if is_wide(glm):
            height, slope, z = glm.value_and_grad(x)
            H = None
        elif glm.loss is squared and known is not None:
            # This Hessian is the same everywhere.
            height, slope, z = glm.value_and_grad(x)
            H = known
        else:
            height, slope, z, H = glm.value_grad_hessian(x)
        slope, cost = slope + self.edges.cost, self.edges.cost @ x
        value = height if glm.smoothing is None else glm.unsmoothed(x, z)
        gradient = jnp.where(self.edges.box.held(x, slope), 0.0, slope)
        point = {"slope": slope, "gradient": gradient, "z": z, "hessian": H}
        return point | {"height": height + cost, "value": value + cost}

    def measured(self, here: State, d: Array, along: Array) -> dict[str, PyTree]:
        """Return the fields with the parts of the bound, from the product of the rows with the direction."""
        parts, max_moves = bound_parts(
            self.glm, self.edges, here.x, here.value, here.slope, here.z, here.hessian, d, along
        )
        return {"parts": parts, "max_moves": max_moves}

    def closes(self, here: State, gap: Array, target: Array, rounding: Array, tolerance: Array) -> Array:
        """Return whether one more step is worth it although the bound is within rounding; only without a tolerance."""
        if self.glm.loss.kinked:
            return jnp.asarray(False)
        gained = (here.parts.gap > target) | (gap < CLOSER * here.parts.gap)
        return (tolerance == 0) & (gap > EPS * rounding) & gained

    def search(self, here: State, d: Array, along: Array, rounding: Array, closing: Array) -> SearchResult:
        """Return the direction, halved until F falls enough; a closing step is the whole direction."""
        glm, z = self.glm, here.z
        w, W, p = glm.weights(here.x), glm.weights(d), glm.weight / glm.mass
        fall, cost, rise = here.slope @ d, self.edges.cost @ here.x, self.edges.cost @ d

        def height(t: Array) -> Array:
            weights = w + t * W
            loss = glm.losses(z + t * along, glm.y, p)[0].sum()
            return loss + glm.ridge / 2 * (weights @ weights) + cost + t * rise

        return halving_search(height, here, d, fall, rounding, closing)

    def reached(self, here: State, step: Array) -> Array:
        """Return the point a step away, in the box, and exactly on a bound that it misses by rounding alone."""
        x, (low, high) = here.x + step, self.edges.box
        room = 4 * EPS * (jnp.abs(here.x) + jnp.abs(step))
        return jnp.where(x <= low + room, low, jnp.where(x >= high - room, high, x))


jax.tree_util.register_dataclass(BoxStep, ["glm", "edges"], [])


def begin(method: BoxStep, x: Array, curvature: Array) -> State:
    """Return the state at a start; `curvature` is not used, because the Hessian is computed."""
    start = initial_state(method, x, None, max_moves=jnp.stack([jnp.abs(x), jnp.zeros_like(x), jnp.zeros_like(x)]))
    low, high = method.edges.box
    # The constants that progress is measured from must be predictions within the bounds.
    allows_constants = jnp.all((low[:-1] <= 0) & (high[:-1] >= 0)) & jnp.isinf(low[-1]) & jnp.isinf(high[-1])
    return start._replace(first_value=jnp.where(allows_constants, start.first_value, start.value))


class BoxedNewtonSolver(HessianSolver[BoxStep]):
    """Newton's method in a box, for linear models with bounds."""

    begin = staticmethod(shared(begin))

    def __init__(self, glm: Glm, edges: Edges, curvature: float, *arguments: Any) -> None:
        self.box_of_steps = Box(*map(np.asarray, edges.box))
        with compiled_code():
            self.columns_of_x = read_columns(glm.X) if is_wide(glm) else None
        super().__init__(BoxStep(glm, edges), curvature, *arguments)

    @property
    def origin(self) -> np.ndarray:
        """The point of the box that is nearest to coefficients of 0."""
        return np.clip(super().origin, *self.box_of_steps)

    def direction(self, here: State) -> np.ndarray:
        """Return the step to the minimum of the quadratic model in the box."""
        glm = replace(self.glm, smoothing=here.smoothing)
        return step_in_box(
            glm, self.box_of_steps, here.x, here.slope, here.z, here.hessian, self.columns_of_x, self.is_over
        )

    def is_over(self) -> bool:
        """Tell whether the time limit has passed: a step then ends early, but lowers the value."""
        return self.objective.clock.over

    def chunk(self, model: BoxStep, state: State, limits: Array) -> tuple[State, Array]:
        """Take steps up to the limits, each compiled but for its direction; return the state and the rows."""
        rows, stop, tolerance, watch = limits
        stop, recorded = stop + int(state.evaluations), list[np.ndarray]()
        while len(recorded) < rows and int(state.evaluations) < stop and int(state.code) == RUNNING:
            before = int(state.iteration)
            state, t = _step_along(model, state, self.direction(state), tolerance, watch)
            if int(state.iteration) > before:
                recorded.append(np.asarray(_row_of(state, t)))
            if self.is_over():
                break
        return state, np.stack(recorded) if recorded else self.unfinished()

    @property
    def status(self) -> Status:
        """The progress so far, with the whole gradient: that of coordinates on a bound may press against it."""
        return super().status._replace(gradient=np.asarray(self.state.slope))

    def measurement(self) -> Measurement | None:
        """Return the parts of the bound that the last step has computed."""
        return Measurement(np.asarray(self.state.x), self.state.parts, self._state.max_moves, 0)

    @property
    def last_tolerance(self) -> float:
        """The share of the remaining loss to stop at if no tolerance was given."""
        return NEAR_BOTH if self.glm.loss.kinked else 0.0


_step_along, _row_of = shared(step_along), shared(row_of)
